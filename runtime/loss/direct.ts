/**
 * The broker's own questions and answers, for what has to be known before anything else may be published: by the
 * client's plain requests, past the publisher.
 */
import type { NatsConnection } from 'nats';
import { encodeJournal, encodeJson, headerBlock, journalHeaders } from '../codec.ts';
import type { Envelope } from '../codec.ts';
import { storedMessage, streamState } from '../last-message.ts';
import type { Asking, StreamState } from '../last-message.ts';
import { PublishError } from '../publisher.ts';

export interface Found { seq: number; subject: string; /** Epoch ms by the broker. */ at: number; id: string | undefined; data: Buffer }

interface ApiError { err_code: number; description: string }

const timeoutMs = 5_000;

export class Direct implements Asking {
  readonly #nc: NatsConnection;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  /** @throws {Error} when the stream's leader does not answer */
  stateOf(stream: string): Promise<StreamState> {
    return streamState(this, stream);
  }

  /** By its sequence, or the newest of a subject; undefined where there is none. */
  async find(stream: string, which: { seq: number } | { last_by_subj: string }): Promise<Found | undefined> {
    const found = await storedMessage(this, stream, which);
    if (!found) return undefined;
    const { headers, data = Buffer.alloc(0), ...rest } = found;
    const [, id] = /\r\nNats-Msg-Id: ?(.*)\r\n/.exec(headers) ?? [];
    return { ...rest, id, data };
  }

  async request(subject: string, data: Uint8Array): Promise<Uint8Array> {
    return (await this.#nc.request(subject, data, { timeout: timeoutMs })).data;
  }

  /** @param expected the sequence that the newest message of the subject must have */
  async fact(subject: string, body: object, envelope: Envelope, expected?: number): Promise<number> {
    const headers = journalHeaders(envelope);
    if (expected !== undefined) headers.set('Nats-Expected-Last-Subject-Sequence', String(expected));
    return this.#publish(subject, encodeJournal(body), headers);
  }

  /** As JSON; @param id of a message of a journal, none for a record. */
  async json(subject: string, body: object, id?: string): Promise<number> {
    const headers = headerBlock();
    if (id !== undefined) headers.set('Nats-Msg-Id', id);
    return this.#publish(subject, encodeJson(body), headers);
  }

  async #publish(subject: string, data: Uint8Array, headers: ReturnType<typeof headerBlock>): Promise<number> {
    const answer = (await this.#nc.request(subject, data, { timeout: timeoutMs, headers })).json<{ seq: number; error?: ApiError }>();
    if (answer.error) throw new PublishError(`${subject}: ${answer.error.description}`, answer.error.err_code);
    return answer.seq;
  }
}
