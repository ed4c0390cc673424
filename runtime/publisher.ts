/**
 * JetStream publishing without a promise, timer and header object per message: one reply inbox, acks matched by
 * number, one sweep for time-outs. A third of the cost of `js.publish()`; see docs/decisions/0003.
 */
import type { MsgHdrs, NatsConnection, Subscription } from 'nats';
import { createInbox, headers } from 'nats';

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
}

const timeoutMs = 2_500;

export class Publisher {
  readonly #nc: NatsConnection;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #waiting = new Map<number, Waiting>();
  readonly #sweep: NodeJS.Timeout;
  #next = 0;
  #linked = true;

  constructor(nc: NatsConnection, inboxPrefix: string) {
    this.#nc = nc;
    this.#inbox = createInbox(inboxPrefix);
    this.#subscription = nc.subscribe(`${this.#inbox}.*`, { callback: (error, message) => {
      if (error) return;
      const number = Number(message.subject.slice(this.#inbox.length + 1));
      const waiting = this.#waiting.get(number);
      if (!waiting) return;
      this.#waiting.delete(number);
      settle(waiting, message.data, message.headers?.code);
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
      const number = ++this.#next;
      if (expected !== undefined) {
        meta ??= headers();
        meta.set('Nats-Expected-Last-Subject-Sequence', String(expected));
      }
      this.#send(number, { resolve, reject, at: performance.now(), subject }, data, meta);
    });
  }

  /**
   * Asks and takes whatever is answered.
   *
   * @throws {PublishError}
   */
  request(subject: string, data: Uint8Array): Promise<Uint8Array> {
    return new Promise((raw, reject) => {
      this.#send(++this.#next, { resolve: () => {}, raw, reject, at: performance.now(), subject }, data);
    });
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#subscription.unsubscribe();
    this.#fail('connection closed');
  }

  #send(number: number, waiting: Waiting, data: Uint8Array, meta?: MsgHdrs): void {
    // What is sent while there is no connection is dropped without a word (nats-findings fact 11).
    if (!this.#linked) return waiting.reject(new PublishError(`${waiting.subject}: no connection to the broker`));
    this.#waiting.set(number, waiting);
    const reply = `${this.#inbox}.${number}`;
    try {
      this.#nc.publish(waiting.subject, data, meta ? { reply, headers: meta } : { reply });
    } catch (error) {
      this.#waiting.delete(number);
      waiting.reject(new PublishError(`${waiting.subject}: ${(error as Error).message}`));
    }
  }

  /** A lost connection takes the answers with it: who waits is told at once that nothing is known. */
  async #follow(): Promise<void> {
    for await (const { type } of this.#nc.status()) {
      if (type === 'reconnect') this.#linked = true;
      else if (type === 'disconnect') {
        this.#linked = false;
        this.#fail('the connection to the broker was lost');
      }
    }
  }

  #fail(why: string): void {
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

function settle(waiting: Waiting, data: Uint8Array, status: number | undefined): void {
  if (data.length > 0 && waiting.raw) return waiting.raw(data);
  if (data.length === 0) return waiting.reject(new PublishError(`${waiting.subject}: ${status === 503 ? 'no stream takes it, or no leader' : 'empty answer'}`, status));
  const answer = JSON.parse(Buffer.from(data).toString()) as { stream?: string; seq?: number; duplicate?: boolean; error?: { err_code: number; description: string } };
  if (answer.error) return waiting.reject(new PublishError(`${waiting.subject}: ${answer.error.description}`, answer.error.err_code));
  waiting.resolve({ stream: answer.stream ?? '', seq: answer.seq ?? 0, duplicate: answer.duplicate === true });
}
