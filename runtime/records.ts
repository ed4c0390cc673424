/**
 * Records in KV: read from the stream's leader, written by compare-and-set on their own key. The revision of a
 * record is its sequence in the bucket's stream; 0 means that there is none.
 */
import type { NatsConnection } from 'nats';
import { encodeJson } from './codec.ts';
import type { Publisher } from './publisher.ts';
import { PublishError } from './publisher.ts';

export interface Stored<T> { value: T; revision: number }

export class Records {
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;

  constructor(nc: NatsConnection, publisher: Publisher) {
    this.#nc = nc;
    this.#publisher = publisher;
  }

  /** The newest value by the stream's leader: what a compare-and-set may be built on. Undefined where there is none. */
  async get<T>(subject: string): Promise<Stored<T> | undefined> {
    const bucket = subject.slice('$KV.'.length, subject.indexOf('.', '$KV.'.length));
    const reply = await this.#nc.request(`$JS.API.STREAM.MSG.GET.KV_${bucket}`, JSON.stringify({ last_by_subj: subject }), { timeout: 5_000 });
    const answer = reply.json() as { error?: { err_code: number; description: string }; message?: { seq: number; data?: string; hdrs?: string } };
    if (answer.error) {
      if (answer.error.err_code === 10037) return undefined;
      throw new PublishError(`read of ${subject}: ${answer.error.description}`, answer.error.err_code);
    }
    const { seq, data } = answer.message!;
    // A deletion leaves an empty message whose sequence is still the revision.
    if (data === undefined || data === '') return undefined;
    return { value: JSON.parse(Buffer.from(data, 'base64').toString()) as T, revision: seq };
  }

  /**
   * @returns the new revision
   * @throws {PublishError} `isConflict` when another revision is there, `isUnknown` when no answer came
   */
  async put(subject: string, value: unknown, revision: number): Promise<number> {
    return (await this.#publisher.publish(subject, encodeJson(value), undefined, revision)).seq;
  }

  /** Writes whatever is there; for values that only their owner writes and that nothing is decided on. */
  async set(subject: string, value: unknown): Promise<number> {
    return (await this.#publisher.publish(subject, encodeJson(value))).seq;
  }
}
