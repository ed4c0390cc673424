/** What a run of the demo is asked for, and what follows from it before anything is started. */
import { hiddenSale, scenarios } from './faults.ts';
import type { Mode } from '../../actors/sku/exposure/record.ts';
import type { PlannedFault, Scenario } from './faults.ts';
import { loadWorld } from './feed.ts';
import type { FeedConfig } from './feed-protocol.ts';
import { channels, countOrderLines } from './world.ts';
import type { World } from './world.ts';

export interface DemoOptions {
  /** Trace files; without `orders` a seeded generator makes the orders. */
  orders?: string | undefined;
  stock?: string | undefined;
  adjustments?: string | undefined;
  /** Order lines, of the trace or generated. */
  limit?: number | undefined;
  /** Trace time runs so many times faster than ours; default: so that the whole trace fits the duration. */
  speed?: number | undefined;
  /** How long orders run, ms; default 40 s, for a trace longer: by its lines, or what `speed` makes of it. */
  durationMs?: number | undefined;
  seed: number;
  /** Marketplaces' clocks, limits and waits are so many times faster than the vendors'. */
  clock: number;
  scenario: Scenario;
  /** Of every SKU; `auto` leaves each to its scarcity. */
  mode: Mode;
  /** Lies to the referee: the verdict must be no. */
  hiddenSale: boolean;
  json: boolean;
  /** Stay after the verdict, until Ctrl-C. */
  keep: boolean;
  /** Nodes tell Prometheus their figures here and at the ports that follow; not at all without. */
  metricsPort?: number | undefined;
  /** A NATS server that runs already; else one is started. */
  natsUrl?: string | undefined;
  /** JetStream's files; default: in the run's temporary folder, removed at the end. */
  storeDir?: string | undefined;
  /** Logs of all processes; default: in the run's temporary folder. */
  logDir?: string | undefined;
}

export interface DemoPlan {
  /** Everything the feed needs but where things are. */
  feed: Omit<FeedConfig, 'natsUrl' | 'accounts'>;
  /** How long orders run, ms. */
  tradingMs: number;
  faults: readonly PlannedFault[];
  /** No listing goes unread for longer, ms: what a hand edit can hide behind. */
  proofAgeMs: number;
  skus: number;
  orders: number;
  lines: number;
  /** When each SKU is bought, cancelled or corrected, ms after the first order. */
  moves: ReadonlyMap<string, readonly number[]>;
}

/** Every listing is read at least once in ten minutes of the vendor's, where one machine can do so many reads a second. */
const proofAgeVendorMs = 600_000;
const readsPerSecond = 200;

const usualTradingMs = 40_000;
/** What one machine replays of a trace, whose orders have many lines, without making marketplaces wait for it. */
const traceLinesPerSecond = 80;
/** Two days of generated trade in the usual time. */
const generatedSpanMs = 2 * 86_400_000;

/**
 * Reads the whole trace once, so that a bad one is refused before anything is started.
 *
 * @throws {TraceError} naming file, line and column
 */
export function planDemo(options: DemoOptions): DemoPlan {
  const { orders, stock, adjustments, limit, seed, speed, durationMs } = options;
  const source = {
    seed,
    ...(orders !== undefined && { orders }), ...(stock !== undefined && { stock }), ...(adjustments !== undefined && { adjustments }),
    ...(limit !== undefined && { limit }),
  };
  let tradingMs = durationMs ?? usualTradingMs;
  let feed: DemoPlan['feed'];
  if (orders === undefined) feed = { ...source, speed: speed ?? generatedSpanMs / tradingMs, tradingMs };
  else {
    const { events } = loadWorld({ ...source, natsUrl: '-', accounts: {}, speed: 1 });
    const spanMs = Math.max(1, (events.at(-1)?.atMs ?? 0) - (events[0]?.atMs ?? 0));
    if (speed !== undefined && durationMs === undefined) tradingMs = Math.ceil(spanMs / speed);
    else if (durationMs === undefined) tradingMs = Math.max(usualTradingMs, Math.ceil(countOrderLines(events) / traceLinesPerSecond * 1_000));
    feed = { ...source, speed: speed ?? spanMs / tradingMs, tradingMs };
  }
  const world = loadWorld({ ...feed, natsUrl: '-', accounts: {} });
  return {
    proofAgeMs: Math.round(Math.max(proofAgeVendorMs / options.clock, world.stock.size * channels.length / readsPerSecond * 1_000)),
    feed, tradingMs, skus: world.stock.size, lines: countOrderLines(world.events),
    orders: world.events.filter(({ kind }) => kind === 'order').length,
    moves: movesOf(world, feed.speed),
    faults: [...scenarios[options.scenario], ...options.hiddenSale ? [hiddenSale] : []],
  };
}

function movesOf({ events }: World, speed: number): Map<string, number[]> {
  const moves = new Map<string, number[]>();
  const from = events[0]?.atMs ?? 0;
  for (const event of events) {
    for (const { sku } of event.kind === 'adjust' ? [event] : event.lines) {
      let times = moves.get(sku);
      if (!times) moves.set(sku, times = []);
      times.push((event.atMs - from) / speed);
    }
  }
  return moves;
}
