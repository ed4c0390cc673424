/** Reads what a stream holds now, once, in order: for commands and audits. */
import { TimeoutError } from 'nats';
import type { NatsConnection } from 'nats';
import { Reader } from './reader.ts';
import type { ReaderOptions } from './reader.ts';
import type { StreamMessage } from './stream-message.ts';

/** Times that the broker may be too slow to begin, each twice as long as the one before: half a minute in all. */
const lateMost = 3;

/**
 * @param from the first sequence, or the newest message of each subject
 * @throws {Error} when the stream cannot be read, the connection is closed before the end, or `take` throws
 */
export async function readAll(
  nc: NatsConnection,
  { stream, filter, from = 1 }: Pick<ReaderOptions, 'stream' | 'filter'> & { from?: ReaderOptions['from'] },
  take: (message: StreamMessage) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let late = 0;
  const reader = new Reader(nc, {
    stream,
    filter,
    from,
    name: 'read-all',
    onCaughtUp: resolve,
    // Whoever reads once does not wait for a stream that is not there; but for a busy broker.
    onError: error => { if (!(error instanceof TimeoutError) || ++late > lateMost) reject(error); },
    onMessage: message => {
      try {
        take(message);
      } catch (error) {
        reject(error as Error);
      }
    },
  });
  void nc.closed().then(() => reject(new Error(`connection closed while ${stream} was read`)));
  try {
    await promise;
  } finally {
    await reader.stop();
  }
}
