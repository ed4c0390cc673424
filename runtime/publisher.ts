/**
 * JetStream publishing without a promise, timer and header object per message: one reply inbox, acks matched by
 * number, one sweep for time-outs, and what is published in one turn of the event loop sent in one piece. A third of
 * the cost of `js.publish()`; see docs/decisions/0003.
 */
import type { MsgHdrs, NatsConnection, Subscription } from 'nats';
import { createInbox } from 'nats';
import { ChurnMap } from '../actors/churn-map.ts';
import { headerBlock } from './codec.ts';

/** The stream's sequence of the stored message. */
export interface Ack { stream: string; seq: number; duplicate: boolean }

export class PublishError extends Error {
  override readonly name = 'PublishError';
  /** JetStream's err_code, or undefined for a time-out or a lost connection. */
  readonly code: number | undefined;

  constructor(message: string, code?: number) {
    super(message);
    this.code = code;
  }

  /** A compare-and-set met another revision: 10071 on one server, 10071 or 10164 on three (nats-findings fact 4). */
  get isConflict(): boolean {
    return this.code === 10071 || this.code === 10164;
  }

  /** It may have been stored: read back before trusting either answer. */
  get isUnknown(): boolean {
    return this.code === undefined;
  }
}

interface Waiting {
  resolve(ack: Ack): void;
  /** Takes the answer as it came, where it is no ack. */
  raw?(data: Uint8Array): void;
  reject(error: PublishError): void;
  at: number;
  subject: string;
  meta?: MsgHdrs | undefined;
}

/** What a node wants to know of its connection. */
export interface PublisherOptions {
  /** Told of what the broker took. */
  onAck?(ack: Ack, subject: string, headers: MsgHdrs | undefined): void;
  /** After a broken connection nothing is published before this resolves. */
  again?(): Promise<void>;
}

const timeoutMs = 2_500;

export class Publisher {
  readonly #nc: NatsConnection;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #waiting = new ChurnMap<number, Waiting>();
  readonly #sweep: NodeJS.Timeout;
  /** To be sent when everything that is going on in this turn of the event loop has been said. */
  #outgoing: { number: number; subject: string; data: Uint8Array; meta: MsgHdrs | undefined }[] = [];
  readonly #options: PublisherOptions;
  #next = 0;
  #linked = true;
  /** Connections so far: what is asked over one says nothing of the next. */
  #connections = 0;

  constructor(nc: NatsConnection, inboxPrefix: string, options: PublisherOptions = {}) {
    this.#nc = nc;
    this.#options = options;
    this.#inbox = createInbox(inboxPrefix);
    this.#subscription = nc.subscribe(`${this.#inbox}.*`, { callback: (error, message) => {
      if (error) return;
      const number = Number(message.subject.slice(this.#inbox.length + 1));
      const waiting = this.#waiting.get(number);
      if (!waiting) return;
      this.#waiting.delete(number);
      const ack = settle(waiting, message.data, message.headers?.code);
      if (ack) options.onAck?.(ack, waiting.subject, waiting.meta);
    } });
    this.#sweep = setInterval(() => this.#expire(), 500);
    this.#sweep.unref();
    void this.#follow();
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  /**
   * @param expected the revision that the subject must have now; 0 for none. Compare-and-set where given.
   * @throws {PublishError}
   */
  publish(subject: string, data: Uint8Array, meta?: MsgHdrs, expected?: number): Promise<Ack> {
    return new Promise((resolve, reject) => {
      if (expected !== undefined) {
        meta ??= headerBlock();
        meta.set(expectedHeader, String(expected));
      }
      this.#send({ resolve, reject, at: performance.now(), subject, meta }, data, meta);
    });
  }

  /**
   * Asks and takes whatever is answered.
   *
   * @throws {PublishError}
   */
  request(subject: string, data: Uint8Array): Promise<Uint8Array> {
    return new Promise((raw, reject) => {
      this.#send({ resolve: () => {}, raw, reject, at: performance.now(), subject }, data);
    });
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#subscription.unsubscribe();
    this.#fail('connection closed');
  }

  #send(waiting: Waiting, data: Uint8Array, meta?: MsgHdrs): void {
    // What is sent while there is no connection is dropped without a word (nats-findings fact 11).
    if (!this.#linked) return waiting.reject(new PublishError(`${waiting.subject}: no connection to the broker`));
    const number = ++this.#next;
    this.#waiting.set(number, waiting);
    if (this.#outgoing.push({ number, subject: waiting.subject, data, meta }) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const { number, subject, data, meta } of outgoing) {
      const reply = `${this.#inbox}.${number}`;
      try {
        this.#nc.publish(subject, data, meta ? { reply, headers: meta } : { reply });
      } catch (error) {
        this.#waiting.get(number)?.reject(new PublishError(`${subject}: ${(error as Error).message}`));
        this.#waiting.delete(number);
      }
    }
  }

  /** A lost connection takes the answers with it: who waits is told at once that nothing is known. */
  async #follow(): Promise<void> {
    for await (const { type } of this.#nc.status()) {
      if (type === 'reconnect') void this.#relink(++this.#connections);
      else if (type === 'disconnect') {
        this.#connections += 1;
        this.#linked = false;
        this.#fail('the connection to the broker was lost');
      }
    }
  }

  async #relink(connection: number): Promise<void> {
    await this.#options.again?.();
    if (connection === this.#connections) this.#linked = true;
  }

  #fail(why: string): void {
    // What was not sent is not sent any more.
    this.#outgoing = [];
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { subject, reject } of waiting) reject(new PublishError(`${subject}: ${why}`));
  }

  #expire(): void {
    const limit = performance.now() - timeoutMs;
    for (const [number, waiting] of this.#waiting) {
      if (waiting.at > limit) break;
      this.#waiting.delete(number);
      waiting.reject(new PublishError(`${waiting.subject}: no answer within ${timeoutMs} ms`));
    }
  }
}

const expectedHeader = 'Nats-Expected-Last-Subject-Sequence';

/** @returns what was acknowledged, if anything was */
function settle(waiting: Waiting, data: Uint8Array, status: number | undefined): Ack | undefined {
  if (data.length > 0 && waiting.raw) return void waiting.raw(data);
  if (data.length === 0) return void waiting.reject(new PublishError(`${waiting.subject}: ${status === 503 ? 'no stream takes it, or no leader' : 'empty answer'}`, status));
  const answer = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()) as { stream?: string; seq?: number; duplicate?: boolean; error?: { err_code: number; description: string } };
  if (answer.error) return void waiting.reject(new PublishError(`${waiting.subject}: ${answer.error.description}`, answer.error.err_code));
  const ack: Ack = { stream: answer.stream ?? '', seq: answer.seq ?? 0, duplicate: answer.duplicate === true };
  waiting.resolve(ack);
  return ack;
}
