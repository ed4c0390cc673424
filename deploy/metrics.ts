/** What a node tells Prometheus, wired: its figures gathered when they are asked for, and the door they are told at. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { MetricsDoor } from '../config/metrics.ts';
import type { AccountOwner } from '../runtime/account.ts';
import type { DeadKeeper } from '../runtime/dead/keeper.ts';
import type { AccountFigures } from '../runtime/metrics/account-series.ts';
import { NodeSeries } from '../runtime/metrics/node-series.ts';
import type { NodeFigures } from '../runtime/metrics/node-series.ts';
import { openMetrics } from '../runtime/metrics/server.ts';
import type { OpenMetrics } from '../runtime/metrics/server.ts';

/** The parts of a node that are looked at; maps and keeper change as it takes and gives. */
export interface Observed {
  node: string;
  counts: Readonly<{ events: number; turns: number; recordWrites: number }>;
  held(): readonly string[];
  partitions: ReadonlyMap<number, { lag: number; hot: number }>;
  owners: ReadonlyMap<string, AccountOwner>;
  keeper(): DeadKeeper | undefined;
  archive(): NodeFigures['archive'];
  leased(): boolean;
  /** Why it does not serve its share of the work; undefined while it does. */
  idle(): string | undefined;
  skewMs(): number;
  /** The connection to the broker is closed for good. */
  isClosed(): boolean;
}

export const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

export function nodeSeries(of: Observed): NodeSeries {
  return new NodeSeries({ version, node: of.node }, () => ({
    ...of.counts,
    held: of.held(),
    partitions: [...of.partitions].map(([number, { lag, hot }]) => ({ number, lag, hot })),
    leased: of.leased(),
    skewMs: of.skewMs(),
    dead: of.keeper()?.figures,
    archive: of.archive(),
    accounts: [...of.owners.values()].map(owner => owner.figures() as unknown as AccountFigures),
  }));
}

/** @throws {Error} when the address cannot be listened on */
export function serveMetrics(door: MetricsDoor, series: NodeSeries, of: Observed, log: Logger): Promise<OpenMetrics> {
  return openMetrics({
    ...door, node: of.node, series, log,
    ill: () => (of.isClosed() ? 'the connection to the broker is closed for good' : undefined),
    idle: of.idle,
  });
}
