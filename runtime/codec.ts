/**
 * Bytes on the wire: msgpack for the journals that grow for ever, JSON for what people read with the `nats` CLI.
 * Content type and schema version travel in headers; a reader takes both encodings and refuses a newer schema.
 */
import { Packr } from 'msgpackr';
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
 * @param schema as the header has it
 * @throws {SchemaError} when it is neither, or of a schema newer than this code
 */
export function decode(data: Uint8Array, schema?: string): unknown {
  const version = Number(schema || schemaVersion);
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
  const block = headerBlock();
  block.set('Nats-Msg-Id', headerText(id));
  if (cause !== undefined) block.set('Plumb-Cause', headerText(cause));
  if (correlation !== undefined) block.set('Plumb-Correlation', headerText(correlation));
  block.set('Plumb-Schema', String(schemaVersion));
  block.set('Content-Type', 'application/msgpack');
  return block;
}

/**
 * Headers that can be set, asked for and sent: all that the client (3.4) wants of them is to be encoded. Its own take
 * ten times as long, most of it to check what is a constant here.
 */
export function headerBlock(): MsgHdrs {
  return new HeaderBlock() as unknown as MsgHdrs;
}

const statusLine = 'NATS/1.0';

class HeaderBlock implements Iterable<[string, string[]]> {
  /** As they are sent, each behind a line break. */
  #lines = '';

  set(name: string, value: string): void {
    if (lineBreak.test(value)) throw new TypeError(`header ${name}: ${JSON.stringify(value)} has a line break`);
    const line = `\r\n${name}: ${value}`;
    const former = this.#lineOf(name);
    this.#lines = former === undefined ? this.#lines + line : this.#lines.replace(former, () => line);
  }

  get(name: string): string {
    return this.#lineOf(name)?.slice(`\r\n${name}: `.length) ?? '';
  }

  *[Symbol.iterator](): Generator<[string, string[]]> {
    for (const line of this.#lines.split('\r\n').slice(1)) {
      const end = line.indexOf(': ');
      yield [line.slice(0, end), [line.slice(end + 2)]];
    }
  }

  encode(): Uint8Array {
    return Buffer.from(`${statusLine}${this.#lines}\r\n\r\n`);
  }

  #lineOf(name: string): string | undefined {
    const start = this.#lines.indexOf(`\r\n${name}: `);
    if (start === -1) return undefined;
    const end = this.#lines.indexOf('\r\n', start + 2);
    return this.#lines.slice(start, end === -1 ? undefined : end);
  }
}

const lineBreak = /[\r\n]/;

/** Line breaks end a header, spaces at its ends are cut off, halves of characters are lost: `%` and four digits each. */
function headerText(text: string): string {
  if (plain.test(text)) return text;
  return text.replaceAll(/[%\p{Cc}\p{Surrogate}]|^\s|\s$/gu, character => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** ASCII that can be seen, but for `%`: nearly all. */
const plain = /^[!-$&-~]*$/;
