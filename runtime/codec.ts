/**
 * Bytes on the wire: msgpack for the journals that grow for ever, JSON for what people read with the `nats` CLI.
 * Content type and schema version travel in headers; a reader takes both encodings and refuses a newer schema.
 */
import { Packr } from 'msgpackr';
import { headers } from 'nats';
import type { MsgHdrs } from 'nats';

/** Version of the journal message schema that this code writes. */
export const schemaVersion = 1;

const packr = new Packr({ useRecords: false, structuredClone: false });
const utf8 = new TextDecoder();

/** Plain msgpack maps, so that any other msgpack library reads them. */
export function encodeJournal(body: unknown): Uint8Array {
  return packr.pack(body);
}

export function encodeJson(body: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(body));
}

export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/**
 * Decodes a body by its first byte: msgpack maps start at 0x80, JSON objects with `{`.
 *
 * @throws {SchemaError} when it is neither, or of a schema newer than this code
 */
export function decode(data: Uint8Array, meta?: MsgHdrs): unknown {
  const version = Number(meta?.get('Plumb-Schema') || schemaVersion);
  if (version > schemaVersion) throw new SchemaError(`message schema ${version} is newer than ${schemaVersion}, which this node reads`);
  const first = data[0];
  if (first === undefined) throw new SchemaError('message is empty');
  const isJson = first === 0x7b || first === 0x5b;
  if (!isJson && !isMap(first)) throw new SchemaError(`message begins with 0x${first.toString(16)}: neither JSON nor a msgpack map`);
  try {
    return isJson ? JSON.parse(utf8.decode(data)) : packr.unpack(data);
  } catch (cause) {
    throw new SchemaError(`message is neither JSON nor msgpack: ${(cause as Error).message}`, { cause });
  }
}

function isMap(first: number): boolean {
  return (first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf;
}

export interface Envelope {
  /** Also the dedupe id. */
  id: string;
  /** Id of the message that caused this one. */
  cause?: string;
  /** Id of the first source event of the chain. */
  correlation?: string;
}

/** Headers of a journal message. Ids hold names from outside: what a header cannot hold is escaped. */
export function journalHeaders({ id, cause, correlation }: Envelope): MsgHdrs {
  const h = headers();
  h.set('Nats-Msg-Id', headerText(id));
  if (cause !== undefined) h.set('Plumb-Cause', headerText(cause));
  if (correlation !== undefined) h.set('Plumb-Correlation', headerText(correlation));
  h.set('Plumb-Schema', String(schemaVersion));
  h.set('Content-Type', 'application/msgpack');
  return h;
}

/** Line breaks end a header, spaces at its ends are cut off, halves of characters are lost: `%` and four digits each. */
function headerText(text: string): string {
  return text.replaceAll(/[%\p{Cc}\p{Surrogate}]|^\s|\s$/gu, character => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
