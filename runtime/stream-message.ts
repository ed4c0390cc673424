/**
 * One delivery of a stream's message. The client's own classes decode every header and take the reply apart several
 * times over; this one does either once, and headers only when asked.
 */
import type { Msg } from 'nats';

export class StreamMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Sequence in the stream. */
  readonly seq: number;
  /** Number of the delivery, counted by the consumer from 1. */
  readonly delivery: number;
  /** When the broker stored it, epoch ms by the broker. */
  readonly at: number;
  /** Messages behind it that match too, as far as the server knew. */
  readonly pending: number;
  readonly #message: Msg;
  #headers: Buffer | undefined;
  /** The same a byte a character: places in it are places in the block. */
  #searched: string | undefined;

  /** @param message its reply is `$JS.ACK.<stream>.<consumer>.<deliveries>.<seq>.<delivery>.<ns>.<pending>`, or the longer form with a domain */
  constructor(message: Msg) {
    const reply = message.reply!;
    this.subject = message.subject;
    this.data = message.data;
    // By hand and from its end: a delivery would leave ten strings behind otherwise.
    let end = reply.length;
    let start = reply.lastIndexOf('.');
    if (hasDomain(reply)) {
      end = start;
      start = reply.lastIndexOf('.', end - 1);
    }
    this.pending = digits(reply, start + 1, end);
    end = start;
    start = reply.lastIndexOf('.', end - 1);
    this.at = digits(reply, start + 1, end - 6);
    end = start;
    start = reply.lastIndexOf('.', end - 1);
    this.delivery = digits(reply, start + 1, end);
    this.seq = digits(reply, reply.lastIndexOf('.', start - 1) + 1, start);
    this.#message = message;
  }

  /** A header's first value, or undefined. */
  header(name: string): string | undefined {
    const block = this.headerBytes;
    return valueIn(block, this.#searched ??= block.toString('latin1'), name);
  }

  /** All headers, as the wire has them; empty where there are none. */
  get headerBytes(): Buffer {
    return this.#headers ??= headerBlock(this.#message);
  }

  string(): string {
    return Buffer.from(this.data.buffer, this.data.byteOffset, this.data.byteLength).toString();
  }

  json<T>(): T {
    return JSON.parse(this.string()) as T;
  }
}

/** Headers of a message that is no delivery; each is undefined where there is none. */
export function headersOf(message: Msg): (name: string) => string | undefined {
  const block = headerBlock(message);
  const searched = block.toString('latin1');
  return name => valueIn(block, searched, name);
}

function valueIn(block: Buffer, searched: string, name: string): string | undefined {
  const start = searched.indexOf(`\r\n${name}:`);
  if (start === -1) return undefined;
  const value = start + name.length + 3;
  // A string of its own: a part of another one would keep all of that in memory for as long as it is kept.
  return block.toString('utf8', value, searched.indexOf('\r\n', value)).trim();
}

/** The longer form of a reply has eleven dots, and something random at its end. */
function hasDomain(reply: string): boolean {
  let dots = 0;
  for (let i = 0; i < reply.length; i++) if (reply.charCodeAt(i) === 0x2e) dots++;
  return dots > 8;
}

function digits(text: string, start: number, end: number): number {
  let number = 0;
  for (let i = start; i < end; i++) number = number * 10 + text.charCodeAt(i) - 0x30;
  return number;
}

/** The header block as the wire has it: lines that end in CRLF, an empty one last. */
function headerBlock(message: Msg): Buffer {
  // Inside of the client (3.4): the payload begins with the block, `hdr` bytes long.
  const { _rdata: payload, _msg: meta } = message as unknown as { _rdata?: Uint8Array; _msg?: { hdr?: number } };
  if (payload && typeof meta?.hdr === 'number') return Buffer.from(payload.buffer, payload.byteOffset, Math.max(0, meta.hdr));
  const lines = [...message.headers ?? []].flatMap(([name, values]) => values.map(value => `\r\n${name}: ${value}`));
  return Buffer.from(lines.length === 0 ? '' : `${lines.join('')}\r\n\r\n`);
}
