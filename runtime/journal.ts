/** Journal messages as actors are told them, and the journal of one key read again. */
import type { JetStreamClient, JsMsg } from '@nats-io/jetstream';
import { decode } from './codec.ts';
import type { Incoming } from './handle.ts';
import { Reader } from './reader.ts';
import { streams } from './subjects.ts';

/** Pure: the same stored message is the same to every owner, on replay and in an audit. */
export function incoming(message: JsMsg): Incoming {
  const place = {
    seq: message.seq,
    at: Number(message.timestampNanos / 1_000_000n),
    correlation: message.headers?.get('Plumb-Correlation') || message.headers?.get('Nats-Msg-Id') || String(message.seq),
  };
  try {
    return { ...place, body: decode(message.data, message.headers) };
  } catch (error) {
    return { ...place, body: undefined, unreadable: error as Error };
  }
}

/**
 * The messages of one journal subject from one sequence to another, both included; there must be one at `to`.
 *
 * @throws {Error} when `signal` says that nobody wants them any more
 */
export async function readAgain(js: JetStreamClient, subject: string, { from, to }: { from: number; to: number }, signal: AbortSignal): Promise<Incoming[]> {
  const messages: Incoming[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(new Error(`reading ${subject} again was given up`, { cause: signal.reason }));
  signal.addEventListener('abort', abort);
  const reader = new Reader(js, {
    stream: streams.sku,
    filter: subject,
    from,
    name: 'again',
    onMessage: message => {
      if (message.seq <= to) messages.push(incoming(message));
      if (message.seq >= to) resolve();
    },
  });
  try {
    if (signal.aborted) abort();
    await promise;
    return messages;
  } finally {
    signal.removeEventListener('abort', abort);
    await reader.stop();
  }
}
