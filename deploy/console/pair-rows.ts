/** Pairs that are out of sync, worst first, each with its cause in words. Pure. */
import type { AccountRecord } from '../../actors/channel/protocol.ts';
import type { DriftClass } from '../../actors/reconciler/protocol.ts';
import { droppedCode } from '../../actors/sku/protocol.ts';
import type { OpenFinding } from './bucket.ts';
import type { Unproven } from './catalogue.ts';
import type { PairRow, PairState } from './protocol.ts';

/** What an account's record tells of its pairs: why nothing is written, which moves are held. */
export type AccountState = Pick<AccountRecord, 'state' | 'health' | 'governor'> | undefined;

const found: Record<DriftClass, string> = {
  'foreign-edit': 'somebody else changed it',
  'lost-write': 'a write that was answered never showed',
  'expired-acceptance': 'an accepted write was never carried out',
  'frozen-listing': 'the listing cannot be bought',
  'missing-listing': 'the channel does not know the listing',
};

const rank: Record<PairState, number> = { task: 0, drift: 1, refused: 2, unanswered: 3, held: 4, accepted: 5, waiting: 6 };

export function rowOfFinding({ account, sku, class: what, expected, observed, unitsAtRisk, detectedAt, repairs, state }: OpenFinding): PairRow {
  const done = state === 'task' ? 'a person is needed' : repairs > 1 ? `repair ${repairs} is under way` : 'being repaired';
  return { account, sku, should: expected, shows: observed, atRisk: unitsAtRisk, state: state === 'task' ? 'task' : 'drift', cause: `${found[what]}: ${done}`, since: detectedAt };
}

/** Stands for all of a SKU's channels together. */
export const everyChannel = 'all channels';

export function rowOfUnproven(pair: Unproven, of: AccountState): PairRow {
  switch (pair.kind) {
    case 'mirror': return rowOfMirror(pair, of);
    case 'escrow': return rowOfEscrow(pair);
    case 'held': return rowOfHeld(pair);
    case 'shortfall': {
      const { sku, owed, shortfall: { debt, oversold, cause, openedAt } } = pair;
      return { account: everyChannel, sku, should: 0, shows: null, atRisk: owed, state: 'drift', cause: `shortfall (${cause}): ${owed} could be sold that do not exist, ${debt} at most so far; ${oversold} were`, since: openedAt };
    }
  }
}

/** Its units stay reserved while it is in doubt, so that nothing is at risk. */
function rowOfEscrow({ account, sku, cell: { intent, mark, shown } }: Extract<Unproven, { kind: 'escrow' }>): PairRow {
  const base = { account, sku, shows: shown ?? null, atRisk: 0 };
  if (!intent) return { ...base, should: mark!.value, state: 'accepted', cause: 'confirmed by time alone, to be seen', since: mark!.confirmedAt };
  const cause = intent.accepted ? 'accepted, not seen yet' : intent.attempts > 1 ? `no answer after ${intent.attempts} tries: its units stay reserved` : 'being written: its units are reserved';
  return { ...base, should: intent.to, state: intent.accepted ? 'accepted' : intent.attempts > 1 ? 'unanswered' : 'waiting', cause, since: intent.firstAt };
}

/** What could be sold beyond what exists, the SKU's shortfall tells. */
function rowOfHeld({ account, sku, cell: { shown }, outlet: { intent, answer } }: Extract<Unproven, { kind: 'held' }>): PairRow {
  const isDropped = answer?.code === droppedCode;
  return {
    account, sku, shows: shown ?? null, should: intent.quantity, atRisk: 0, state: isDropped ? 'refused' : 'held',
    cause: isDropped ? 'a person dropped it: its source is to state it anew' : tooMany(intent.quantity === 0 ? 'zero' : 'raise'), since: intent.causeAt,
  };
}

function tooMany(move: 'zero' | 'raise'): string {
  return `too many ${move === 'zero' ? 'would go to zero' : 'would rise'} at once: the batch is held`;
}

function rowOfMirror({ account, sku, outlet }: Extract<Unproven, { kind: 'mirror' }>, of: AccountState): PairRow {
  const { intent, shown, proof } = outlet;
  // By its own sale or restock it should show that already.
  const shows = shown ?? (intent.kind === 'verify' ? intent.quantity : proof?.quantity) ?? null;
  return {
    account, sku, shows, should: intent.quantity,
    atRisk: shows === null ? 0 : Math.max(0, shows - intent.quantity),
    ...why(outlet, of),
    since: intent.causeAt,
  };
}

function why({ intent, proof, answer }: Extract<Unproven, { kind: 'mirror' }>['outlet'], of: AccountState): { state: PairState; cause: string } {
  const told = answer?.signature === intent.signature ? answer : undefined;
  if (told?.outcome === 'refused') return { state: 'refused', cause: `refused: ${told.code ?? ''} ${told.message ?? ''}`.trimEnd() };
  const move = proof && proof.quantity > 0 && intent.quantity === 0 ? 'zero' : proof && intent.quantity > proof.quantity ? 'raise' : undefined;
  if (move && intent.kind === 'write' && of?.governor?.held[move] !== undefined) return { state: 'held', cause: tooMany(move) };
  if (told?.outcome === 'ambiguous') return { state: 'unanswered', cause: 'the write got no answer: written again' };
  if (told?.outcome === 'accepted') return { state: 'accepted', cause: 'accepted, not seen yet' };
  const stopped = of && of.state !== 'serving' ? `account is ${String(of.state)}${of.health.reason ? ` (${of.health.reason})` : ''}; ` : '';
  const waits = { zero: 'zero to be written', decrease: 'decrease to be written', verify: 'to be read back', raise: 'raise to be written' }[intent.lane];
  return { state: 'waiting', cause: `${stopped}${intent.kind === 'repair' ? 'repair to be written' : waits}` };
}

/** In all: a shortfall counts the units that its channels' own rows tell of too. */
export function unitsAtRisk(rows: readonly PairRow[]): number {
  const bySku = new Map<string, { together: number; each: number }>();
  for (const { account, sku, atRisk } of rows) {
    if (atRisk === 0) continue;
    const sum = bySku.get(sku) ?? { together: 0, each: 0 };
    bySku.set(sku, account === everyChannel ? { ...sum, together: sum.together + atRisk } : { ...sum, each: sum.each + atRisk });
  }
  return [...bySku.values()].reduce((sum, { together, each }) => sum + Math.max(together, each), 0);
}

/** Units at risk first, then what a person must do, then the oldest. */
export function worstFirst(a: PairRow, b: PairRow): number {
  return b.atRisk - a.atRisk || rank[a.state] - rank[b.state] || a.since - b.since || (a.sku < b.sku ? -1 : 1);
}
