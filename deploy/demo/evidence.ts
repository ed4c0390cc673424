/** Gathers what the referee judges: the marketplaces' own books, the ERP's truth, and what Plumb's records say. */
import type { FeedFigures, SkuSupply } from './feed-protocol.ts';
import { readPeriods, readShortfalls } from './escrow.ts';
import type { Incident } from './faults.ts';
import type { DemoOptions } from './plan.ts';
import type { ProcessGroup } from './processes.ts';
import { readRecords } from './records.ts';
import type { AccountEvidence, Evidence } from './referee.ts';
import type { Stage } from './stage.ts';

/**
 * How old a number may be that a channel shows while nothing disturbs it: until a sale elsewhere is in an order list,
 * polled, decided on and written. The first part is ours; the vendor's part, in the vendor's own time, is how late
 * orders may show in a list (Amazon, which asks for two minutes) and how long an accepted write may take to apply.
 */
const staleness = { oursMs: 8_000, vendorMs: 4 * 60_000 };

/** Resolves with the feed's figures when all orders are placed and the ERP has said everything. */
export function feedDone(processes: ProcessGroup): Promise<FeedFigures> {
  return new Promise(resolve => processes.onMessage('feed', message => {
    if (message.type === 'done') resolve(message.figures as FeedFigures);
  }));
}

/** @param from orders opened, epoch ms */
export async function collectEvidence({ nc, processes, admins }: Pick<Stage, 'nc' | 'processes' | 'admins'>, incidents: readonly Incident[], from: number, { clock, mode }: Pick<DemoOptions, 'clock' | 'mode'>): Promise<Evidence> {
  const staleMs = staleness.oursMs + staleness.vendorMs / clock;
  const [supply, records, ...accounts] = await Promise.all([
    askSupply(processes),
    readRecords(nc),
    ...[...admins.values()].map(async admin => {
      const [ledger, listings] = await Promise.all([admin.ledger(), admin.listings()]);
      return [admin.account, { ledger, listings, buffer: 0, staleMs } satisfies AccountEvidence] as const;
    }),
  ]);
  const escrow = mode === 'mirror' ? undefined : { mode, shortfalls: await readShortfalls(nc), periods: await readPeriods(nc), lagMs: staleMs };
  return { ...(escrow && { escrow }), supply, records, from, accounts: Object.fromEntries(accounts), faults: incidents.flatMap(disturbance) };
}

/** What the referee excuses: the time from a fault to Plumb's answer, at the account it hit, or everywhere. */
function disturbance({ kind, target, from, until }: Incident): Evidence['faults'][number][] {
  if (kind === 'hidden-sale') return [];
  return [{ account: kind === 'kill-node' || kind === 'bad-file' ? '*' : target, from, to: until }];
}

function askSupply(processes: ProcessGroup): Promise<SkuSupply[]> {
  const { promise, resolve } = Promise.withResolvers<SkuSupply[]>();
  processes.onMessage('feed', message => { if (message.type === 'supply') resolve(message.skus as SkuSupply[]); });
  processes.tell('feed', { type: 'supply' });
  return promise;
}
