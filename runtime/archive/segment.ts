/**
 * A segment: messages of one stream that follow each other, as one compressed object. Each is a msgpack array
 * `[sequence, stored at (epoch ms), subject, header block, body]`, one behind the other, so that any msgpack library
 * reads what `gunzip` gives. Equal messages give equal bytes.
 */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { Packr } from 'msgpackr';
import { ArchiveError } from './store.ts';

const zip = promisify(gzip);
const unzip = promisify(gunzip);
const packr = new Packr({ useRecords: false, structuredClone: false });

export interface ArchivedMessage {
  /** Sequence in its stream. */
  seq: number;
  /** When the broker stored it, epoch ms by the broker. */
  at: number;
  subject: string;
  /** As the wire has it; empty where there are none. */
  headers: Buffer;
  data: Buffer;
}

type Row = [seq: number, at: number, subject: string, headers: Uint8Array, data: Uint8Array];

/** One message on its way into a segment. */
export function packed({ seq, at, subject, headers, data }: Omit<ArchivedMessage, 'headers' | 'data'> & { headers: Uint8Array; data: Uint8Array }): Buffer {
  return packr.pack([seq, at, subject, headers, data] satisfies Row);
}

export async function compressed(rows: readonly Uint8Array[]): Promise<Buffer> {
  return zip(Buffer.concat(rows), { level: 6 });
}

/** @throws {ArchiveError} for bytes that are no segment; `name` is the object's */
export async function messagesOf(name: string, bytes: Uint8Array): Promise<ArchivedMessage[]> {
  const messages: ArchivedMessage[] = [];
  try {
    const raw = await unzip(bytes);
    if (raw.length > 0) packr.unpackMultiple(raw, value => { messages.push(messageOf(value as Row)); });
  } catch (cause) {
    throw new ArchiveError(`${name} is damaged: ${(cause as Error).message}`, { cause });
  }
  return messages;
}

function messageOf([seq, at, subject, headers, data]: Row): ArchivedMessage {
  if (!Number.isSafeInteger(seq) || !Number.isFinite(at) || typeof subject !== 'string') throw new TypeError('a message has no sequence, time or subject');
  return { seq, at, subject, headers: Buffer.from(headers.buffer, headers.byteOffset, headers.byteLength), data: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
}

/** A header's first value, or undefined. */
export function headerOf({ headers }: Pick<ArchivedMessage, 'headers'>, name: string): string | undefined {
  if (headers.length === 0) return undefined;
  const searched = headers.toString('latin1');
  const start = searched.indexOf(`\r\n${name}:`);
  if (start === -1) return undefined;
  const value = start + name.length + 3;
  return headers.toString('utf8', value, searched.indexOf('\r\n', value)).trim();
}
