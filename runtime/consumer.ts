/** A consumer is asked for until it is there. */
import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';
import { TimeoutError } from 'nats';

/**
 * A question or its answer is lost where a stream has no leader. Asking again for the same consumer changes nothing: it
 * keeps its name and where it began.
 *
 * @param withinMs after so long it is given up: the server that was to hold it may be gone
 * @throws {TimeoutError} when it was
 * @throws {Error} when `over` says that nobody wants it
 */
export async function makeConsumer(jsm: JetStreamManager, stream: string, config: Partial<ConsumerConfig>, { askEveryMs, withinMs, over }: { askEveryMs: number; withinMs: number; over: AbortSignal }): Promise<ConsumerInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<ConsumerInfo>();
  const ask = (): void => void jsm.consumers.add(stream, config).then(resolve, (error: unknown) => {
    if (!(error instanceof TimeoutError)) reject(error as Error);
  });
  const again = setInterval(ask, askEveryMs);
  const enough = setTimeout(() => reject(new TimeoutError()), withinMs);
  over.addEventListener('abort', () => reject(new Error('not wanted any more')), { once: true });
  ask();
  try {
    return await promise;
  } finally {
    clearInterval(again);
    clearTimeout(enough);
  }
}
