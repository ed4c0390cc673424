/** What accounts show beside what we would write, as their owners compare it: the page's view of `plumb shadow report`. */
import type { NatsConnection } from 'nats';
import type { Comparison, SliceTotals, Totals } from '../../runtime/account/compare.ts';
import { bySomebody } from '../../runtime/account/shadow.ts';
import type { Change } from '../../runtime/account/shadow.ts';
import { sliceText } from '../../runtime/account/stage.ts';
import type { Slice } from '../../runtime/account/stage.ts';
import { escapeKey } from '../../runtime/subjects.ts';
import type { ShadowAccount, ShadowFigures, ShadowRow, ShadowRows } from './protocol.ts';

interface Compared { rows: Comparison[]; next?: number; totals?: Totals; slices?: SliceTotals[] }
interface Staged { channel: string; stage: string; slice?: Slice }

const withinMs = 10_000;

/** Every account, whether it compares or not; those whose owner is silent say why. */
export function shadowAccounts(nc: NatsConnection, accounts: Iterable<string>): Promise<ShadowAccount[]> {
  return Promise.all([...accounts].sort().map(async (account): Promise<ShadowAccount> => {
    try {
      const staged = await asked<Staged>(nc, account, 'stage');
      const { totals, slices = [] } = await asked<Compared>(nc, account, 'compare {"totals":true,"most":0}');
      return {
        account, channel: staged.channel, stage: staged.stage,
        ...(staged.stage === 'live' && { live: sliceText(staged.slice) }),
        figures: figuresOf(totals!),
        slices: slices.map(({ slice, totals: of }) => ({ slice, figures: figuresOf(of) })),
      };
    } catch (error) {
      return { account, silent: (error as Error).message };
    }
  }));
}

/**
 * Listings of one account from a place on, as many as its owner tells at once.
 *
 * @param differing only those that show something else
 * @throws {Error} where nobody owns it
 */
export async function shadowRows(nc: NatsConnection, account: string, from: number, differing: boolean): Promise<ShadowRows> {
  const { rows, next } = await asked<Compared>(nc, account, `compare ${JSON.stringify({ from, differing })}`);
  return { rows: rows.map(rowOf), ...(next !== undefined && { next }) };
}

function figuresOf({ listings, live, equal, low, high, unknown, settling, compared, agreed, foreign }: Totals): ShadowFigures {
  return { listings, live, equal, low, high, unknown, settling, compared, agreed, foreign };
}

function rowOf({ sku, listing, live, verdict, settling, shows, seenAt, would, decidedAt, because, why, theirs, compared, agreed, foreign }: Comparison): ShadowRow {
  const told = (change: Change | undefined): ShadowRow['theirs'] => change && { at: change.at, from: change.from, to: change.to, by: change.because };
  const rival = told(theirs.findLast(change => change.because === bySomebody));
  const last = told(theirs.at(-1));
  return {
    sku, listing, live, verdict, shows, seenAt, would, decidedAt, because, compared, agreed, foreign,
    ...(settling && { settling }), ...(why !== undefined && { why }), ...(last && { theirs: last }), ...(rival && { rival }),
  };
}

async function asked<T extends object>(nc: NatsConnection, account: string, command: string): Promise<T> {
  const answer = await nc.request(`control.channel.${escapeKey(account)}`, command, { timeout: withinMs }).then(
    reply => reply.json<{ ok: true } & T | { ok: false; error: string }>(),
    (cause: Error) => { throw new Error(`nobody answers for ${account}: ${cause.message}`, { cause }); },
  );
  if (!answer.ok) throw new Error(`${account}: ${(answer as { error: string }).error}`);
  return answer as T;
}
