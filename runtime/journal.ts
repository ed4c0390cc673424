/** Journal messages as actors are told them, and the journal of one key read again. */
import type { NatsConnection } from 'nats';
import { decode } from './codec.ts';
import type { Incoming } from './handle.ts';
import { Reader } from './reader.ts';
import type { StreamMessage } from './stream-message.ts';
import { streams } from './subjects.ts';

/** Pure: the same stored message is the same to every owner, on replay and in an audit. */
export function incoming(message: Pick<StreamMessage, 'seq' | 'at' | 'data' | 'header'>): Incoming {
  const { seq, at } = message;
  const correlation = message.header('Plumb-Correlation') || message.header('Nats-Msg-Id') || String(seq);
  try {
    return { seq, at, correlation, body: decode(message.data, message.header('Plumb-Schema')) };
  } catch (error) {
    return { seq, at, correlation, body: undefined, unreadable: error as Error };
  }
}

/**
 * The messages of one journal subject from one sequence to another, both included; there must be one at `to`.
 *
 * @throws {Error} when `signal` says that nobody wants them any more
 */
export async function readAgain(nc: NatsConnection, subject: string, { from, to }: { from: number; to: number }, signal: AbortSignal): Promise<Incoming[]> {
  const messages: Incoming[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(new Error(`reading ${subject} again was given up`, { cause: signal.reason }));
  signal.addEventListener('abort', abort);
  const reader = new Reader(nc, {
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
