/** Publishes what the ERP says to JetStream, in its order, until it is stored. */
import { jetstream } from '@nats-io/jetstream';
import type { JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Publication } from './erp-mischief.ts';
import type { Told } from './told.ts';

export const erpSubject = 'ingest.erp';

/** Messages on their way at once. */
const batch = 100;
/** How long a message is tried, ms: the stream may not be declared yet, or its server may be starting. */
const tryForMs = 60_000;

export class ErpWire {
  readonly #js: JetStreamClient;
  readonly #told: Told;
  readonly #now: () => number;
  /** Batches go one after the other. */
  #tail: Promise<void> = Promise.resolve();

  constructor(connection: NatsConnection, told: Told, now: () => number) {
    this.#js = jetstream(connection, { timeout: 3_000 });
    this.#told = told;
    this.#now = now;
  }

  /**
   * Returns when all of them, and all sent before, are stored.
   *
   * @throws {Error} when one could not be stored for a minute
   */
  send(publications: readonly Publication[]): Promise<void> {
    const sent = this.#tail.then(async () => {
      for (let n = 0; n < publications.length; n += batch) await this.#sendBatch(publications.slice(n, n + batch));
    });
    this.#tail = sent.catch(() => {});
    return sent;
  }

  /** A message that fails is tried again behind its batch: one more way to be late. */
  async #sendBatch(publications: readonly Publication[]): Promise<void> {
    const giveUpAt = this.#now() + tryForMs;
    for (let open = publications, pauseMs = 100; open.length > 0; pauseMs = Math.min(2_000, pauseMs * 2)) {
      // Told before it is sent: a listener cannot know earlier.
      const at = this.#now();
      const outcomes = await Promise.allSettled(open.map(({ message }) => this.#js.publish(erpSubject, JSON.stringify(message))));
      open.forEach((publication, n) => { if (outcomes[n]!.status === 'fulfilled') this.#told.hear(publication, at); });
      const failed = outcomes.find(outcome => outcome.status === 'rejected');
      open = open.filter((_, n) => outcomes[n]!.status === 'rejected');
      if (!failed) return;
      if (this.#now() > giveUpAt) throw new Error(`could not publish ${open[0]!.message.id} to ${erpSubject}: ${(failed.reason as Error).message}`, { cause: failed.reason });
      await new Promise(resolve => setTimeout(resolve, pauseMs));
    }
  }
}
