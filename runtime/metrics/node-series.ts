/** Figures of one node as Prometheus has them, with those of the accounts that it owns. Filled when they are asked for. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { ArchiveSeries } from './archive-series.ts';
import type { ArchiveFigures } from './archive-series.ts';
import { AccountSeries } from './account-series.ts';
import type { AccountFigures } from './account-series.ts';
import { ExposureSeries } from './exposure-series.ts';

/** A node as it is at the moment. */
export interface NodeFigures {
  /** Since the node started. */
  events: number;
  turns: number;
  recordWrites: number;
  /** Ids of the units it holds: `sku.7`, `account.ebay`, `source.erp`, `door.erp`, `dead`, `archive`. */
  held: readonly string[];
  /** Of the partitions it holds. */
  partitions: Iterable<{ number: number; lag: number; hot: number }>;
  /** Whether the broker has heard of it within the time to live. */
  leased: boolean;
  /** How far this machine's clock is ahead of the broker's, ms. */
  skewMs: number;
  /** Open tasks by class, where this node keeps the dead letters. */
  dead: Record<string, number> | undefined;
  /** Whether its configuration names an archive, and how far that is, where this node keeps it. */
  archive: ArchiveFigures;
  accounts: readonly AccountFigures[];
}

/** Classes that alerts name are told when nothing is open too: what was never told looks the same as what is not told any more. */
const none: Readonly<Record<string, number>> = { silence: 0, poison: 0, shortfall: 0 };

const unitKinds = ['sku', 'account', 'source', 'door', 'dead', 'archive'] as const;

export class NodeSeries {
  readonly registry = new Registry();
  readonly accounts: AccountSeries;
  readonly exposure: ExposureSeries;
  readonly #figures: () => NodeFigures;
  readonly #counters: [keyof Pick<NodeFigures, 'events' | 'turns' | 'recordWrites'>, Counter][];
  readonly #units: Gauge<'kind'>;
  readonly #lag: Gauge<'partition'>;
  readonly #actors: Gauge;
  readonly #leased: Gauge;
  readonly #skew: Gauge;
  readonly #dead: Gauge<'class'>;
  readonly #archive: ArchiveSeries;

  constructor({ version, node }: { version: string; node: string }, figures: () => NodeFigures) {
    this.#figures = figures;
    const registers = [this.registry];
    this.registry.setDefaultLabels({ node });
    collectDefaultMetrics({ register: this.registry });
    new Gauge({ registers, name: 'plumb_build_info', help: '1, with the version of Plumb', labelNames: ['version'] }).set({ version }, 1);
    this.#counters = [
      ['events', new Counter({ registers, name: 'plumb_events_total', help: 'Journal messages applied to records' })],
      ['turns', new Counter({ registers, name: 'plumb_turns_total', help: 'Turns of actors: all that waited for one, folded at once' })],
      ['recordWrites', new Counter({ registers, name: 'plumb_record_writes_total', help: 'Records of actors stored: once or twice a turn' })],
    ];
    this.#units = new Gauge({ registers, name: 'plumb_node_units', help: 'What the node owns, by kind: 64 of kind sku are owned in all', labelNames: ['kind'] });
    this.#lag = new Gauge({ registers, name: 'plumb_partition_lag_messages', help: 'Journal messages read and not yet applied', labelNames: ['partition'] });
    this.#actors = new Gauge({ registers, name: 'plumb_actors_in_memory', help: 'SKU actors in memory' });
    this.#leased = new Gauge({ registers, name: 'plumb_node_leased', help: '1 while the broker knows the node to be alive; without it nothing is called' });
    this.#skew = new Gauge({ registers, name: 'plumb_node_clock_skew_seconds', help: 'This machine\'s clock less the broker\'s' });
    this.#dead = new Gauge({ registers, name: 'plumb_dead_letters_open', help: 'Open tasks by class, told by the node that keeps them', labelNames: ['class'] });
    this.#archive = new ArchiveSeries(this.registry);
    this.accounts = new AccountSeries(this.registry);
    this.exposure = new ExposureSeries(this.registry);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The text format of Prometheus. */
  async text(): Promise<string> {
    const { held, partitions, leased, skewMs, dead, archive, accounts, ...counts } = this.#figures();
    for (const [figure, counter] of this.#counters) {
      counter.reset();
      counter.inc(counts[figure]);
    }
    for (const kind of unitKinds) this.#units.set({ kind }, held.filter(unit => unit === kind || unit.startsWith(`${kind}.`)).length);
    this.#lag.reset();
    let actors = 0;
    for (const { number, lag, hot } of partitions) {
      this.#lag.set({ partition: String(number) }, lag);
      actors += hot;
    }
    this.#actors.set(actors);
    this.#leased.set(leased ? 1 : 0);
    this.#skew.set(skewMs / 1_000);
    this.#dead.reset();
    for (const [kind, count] of Object.entries(dead ? { ...none, ...dead } : {})) this.#dead.set({ class: kind }, count);
    this.#archive.fill(archive);
    this.accounts.fill(accounts);
    return this.registry.metrics();
  }
}
