/**
 * Records in KV: read from the stream's leader, written by compare-and-set on their own key. The revision of a
 * record is its sequence in the bucket's stream; 0 means that there is none.
 */
import { headers } from 'nats';
import type { MsgHdrs } from 'nats';
import { encodeJson } from './codec.ts';
import { lastMessage } from './last-message.ts';
import type { Publisher } from './publisher.ts';

export interface Stored<T> { value: T; revision: number }

/** Bytes of one record. Far below what the broker takes, far above what a SKU needs: beyond it something grows for ever. */
export const maxRecordBytes = 512 * 1024;

/** A record that cannot be written (too large, no JSON), or one that is stored and is no record. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
  /** Of the stored one; 0 when it was to be written. */
  readonly revision: number;

  constructor(message: string, revision = 0, cause?: unknown) {
    super(message, { cause });
    this.revision = revision;
  }
}

/** Of a message without a body: the record is there no more. */
export function deletion(): MsgHdrs {
  const meta = headers();
  meta.set('KV-Operation', 'DEL');
  return meta;
}

export class Records {
  readonly #publisher: Publisher;

  constructor(publisher: Publisher) {
    this.#publisher = publisher;
  }

  /**
   * The newest value by the stream's leader: what a compare-and-set may be built on. Undefined where there is none.
   *
   * @throws {PublishError}
   */
  async get<T>(subject: string): Promise<Stored<T> | undefined> {
    const { value, revision } = await this.read<T>(subject);
    return value === undefined ? undefined : { value, revision };
  }

  /**
   * As `get`; a deleted value is absent and keeps a revision, one that never was has revision 0.
   *
   * @throws {PublishError}
   * @throws {RecordError} when what is stored is not JSON
   */
  async read<T>(subject: string): Promise<{ value?: T; revision: number }> {
    const bucket = subject.slice('$KV.'.length, subject.indexOf('.', '$KV.'.length));
    const last = await lastMessage(this.#publisher, `KV_${bucket}`, subject);
    if (!last) return { revision: 0 };
    const { seq, data } = last;
    if (data === undefined) return { revision: seq };
    try {
      return { value: JSON.parse(data.toString()) as T, revision: seq };
    } catch (error) {
      throw new RecordError(`${subject} is not JSON: ${(error as Error).message}`, seq, error);
    }
  }

  /**
   * @param most bytes it may take
   * @param onSending told of the bytes before they leave
   * @returns the new revision
   * @throws {PublishError} `isConflict` when another revision is there, `isUnknown` when no answer came
   * @throws {RecordError} before anything is sent
   */
  async put(subject: string, value: unknown, revision: number, most = maxRecordBytes, onSending?: (data: Uint8Array) => void): Promise<number> {
    let data: Uint8Array;
    try {
      data = encodeJson(value);
    } catch (error) {
      throw new RecordError(`${subject} cannot be written as JSON: ${(error as Error).message}`, 0, error);
    }
    if (data.length > most) throw new RecordError(`${subject} would take ${data.length} bytes, ${most} at most`);
    onSending?.(data);
    return (await this.#publisher.publish(subject, data, undefined, revision)).seq;
  }

  /** Writes whatever is there; for values that only their owner writes and that nothing is decided on. */
  async set(subject: string, value: unknown): Promise<number> {
    return (await this.#publisher.publish(subject, encodeJson(value))).seq;
  }
}
