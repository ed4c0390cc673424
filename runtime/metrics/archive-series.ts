/** How far journals are archived, told by the node that keeps the archive; zeros by the others. */
import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import type { ArchiverFigures } from '../archive/archiver.ts';

export interface ArchiveFigures {
  configured: boolean;
  streams: readonly ArchiverFigures[];
}

/** Told when nothing lags too: what was never told looks the same as what is not told any more. */
const journals = ['INGEST', 'SKU', 'ATTEMPT', 'DEAD'] as const;

export class ArchiveSeries {
  readonly #configured: Gauge;
  readonly #lag: Gauge<'stream'>;
  readonly #waiting: Gauge<'stream'>;
  readonly #failing: Gauge<'stream'>;
  readonly #counters: [keyof Pick<ArchiverFigures, 'segments' | 'bytes' | 'missing'>, Counter<'stream'>][];

  constructor(registry: Registry) {
    const registers = [registry];
    const labelNames = ['stream'] as const;
    this.#configured = new Gauge({ registers, name: 'plumb_archive_configured', help: '1 where the configuration names an archive' });
    this.#lag = new Gauge({ registers, labelNames, name: 'plumb_archive_lag_seconds', help: 'Age of the oldest message that is not archived' });
    this.#waiting = new Gauge({ registers, labelNames, name: 'plumb_archive_waiting_messages', help: 'Messages read and not archived' });
    this.#failing = new Gauge({ registers, labelNames, name: 'plumb_archive_failing', help: '1 while the store does not take what it is given' });
    this.#counters = [
      ['segments', new Counter({ registers, labelNames, name: 'plumb_archive_segments_total', help: 'Segments written' })],
      ['bytes', new Counter({ registers, labelNames, name: 'plumb_archive_bytes_total', help: 'Bytes written, compressed' })],
      ['missing', new Counter({ registers, labelNames, name: 'plumb_archive_missing_messages_total', help: 'Messages that left the broker before they were archived' })],
    ];
  }

  fill({ configured, streams }: ArchiveFigures): void {
    this.#configured.set(configured ? 1 : 0);
    for (const [, counter] of this.#counters) counter.reset();
    for (const stream of journals) {
      this.#lag.set({ stream }, 0);
      this.#waiting.set({ stream }, 0);
      this.#failing.set({ stream }, 0);
      for (const [, counter] of this.#counters) counter.inc({ stream }, 0);
    }
    for (const { stream, lagMs, waiting, failing, ...counts } of streams) {
      this.#lag.set({ stream }, lagMs / 1_000);
      this.#waiting.set({ stream }, waiting);
      this.#failing.set({ stream }, failing === undefined ? 0 : 1);
      for (const [figure, counter] of this.#counters) counter.inc({ stream }, counts[figure]);
    }
  }
}
