/** What a stream's leader has: what a decision may be built on. */
import { encodeJson } from './codec.ts';
import { PublishError } from './publisher.ts';

/** Whoever asks the broker and gives the answer as it came. */
export interface Asking { request(subject: string, data: Uint8Array): Promise<Uint8Array> }

export interface LastMessage {
  seq: number;
  /** Undefined for an empty body. */
  data: Buffer | undefined;
  /** The header block as the wire has it. */
  headers: string;
}

export interface StoredMessage extends LastMessage {
  subject: string;
  /** Epoch ms by the broker. */
  at: number;
}

/** `created` as the broker writes it; another stream of that name has another. */
export interface StreamState { created: string; firstSeq: number; lastSeq: number }

interface ApiError { err_code: number; description: string }

/** JetStream's err_code. */
const noMessage = 10037;

/**
 * The newest message of a subject.
 *
 * @returns undefined where the subject has none
 * @throws {PublishError} when the leader does not answer, or answers with an error: that is not "none"
 */
export async function lastMessage(asking: Asking, stream: string, subject: string): Promise<LastMessage | undefined> {
  const found = await storedMessage(asking, stream, { last_by_subj: subject });
  return found && { seq: found.seq, data: found.data, headers: found.headers };
}

/** A message by its sequence, or the newest of a subject. As `lastMessage` else. */
export async function storedMessage(asking: Asking, stream: string, which: { seq: number } | { last_by_subj: string }): Promise<StoredMessage | undefined> {
  const reply = await asking.request(`$JS.API.STREAM.MSG.GET.${stream}`, encodeJson(which));
  const { error, message } = JSON.parse(Buffer.from(reply).toString()) as {
    error?: ApiError;
    message?: { seq: number; subject: string; time: string; data?: string; hdrs?: string };
  };
  if (error?.err_code === noMessage) return undefined;
  if (error) throw new PublishError(`read of ${'seq' in which ? `message ${which.seq} of ${stream}` : which.last_by_subj}: ${error.description}`, error.err_code);
  const { seq, subject, time, data = '', hdrs = '' } = message!;
  return { seq, subject, at: Date.parse(time), data: data === '' ? undefined : Buffer.from(data, 'base64'), headers: Buffer.from(hdrs, 'base64').toString() };
}

/** @throws {PublishError} as `lastMessage` */
export async function streamState(asking: Asking, stream: string): Promise<StreamState> {
  const subject = `$JS.API.STREAM.INFO.${stream}`;
  const answer = JSON.parse(Buffer.from(await asking.request(subject, encodeJson({}))).toString()) as { created: string; state: { first_seq: number; last_seq: number }; error?: ApiError };
  if (answer.error) throw new PublishError(`${subject}: ${answer.error.description}`, answer.error.err_code);
  const { created, state } = answer;
  return { created, firstSeq: state.first_seq, lastSeq: state.last_seq };
}
