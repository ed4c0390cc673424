/**
 * What a reading says about an intent: equal, too early to tell, or drift. A channel sells and restocks by itself and
 * answers late, so a difference is believed only when orders are complete beyond it and two reads apart agree; or at once
 * where it offers units that nothing a channel does by itself can have put there.
 */
import type { Reading } from '../channel/adapter.ts';
import type { Outstanding } from '../channel/pending.ts';
import type { DriftClass, Severity } from './protocol.ts';
import { isProven, detourUntil, expectedOf, undoneUntil } from './proof.ts';
import type { Pair } from './proof.ts';

export interface Evidence {
  /** When the read began and ended, epoch ms. */
  beganAt: number;
  endedAt: number;
  /** Orders up to then are in the journal and in the record that the pair was last told, channel's clock. */
  ordersCompleteThrough: number;
  /** When the read ended by that clock, where it may differ: a wall clock can jump between two reads. */
  ordersAt?: number;
  /** They were so to then when the read began, by the clock of the reads. */
  ordersKnownBefore: number;
  write: Outstanding;
}

export interface DriftSettings {
  /** Two reads that agree on a difference must be this far apart, ms; longer than the channel's reads are stale. */
  apartMs: number;
}

export type Judgement =
  /** The channel shows what was intended, and not for having shown it before. */
  | { kind: 'equal' }
  /** Nothing follows yet. `again` asks for another read, which can tell more from `at` on. */
  | { kind: 'wait'; why: 'in flight' | 'began before our write' | 'orders incomplete' | 'seen once' | 'raise waits'; again: boolean; at?: number }
  /** Our own write is needed, and nothing is wrong: an earlier one of ours undid what the channel had changed by itself. */
  | { kind: 'rewrite' }
  /** `unlessRestocked`: unless orders of this account are open for so many units, which the channel may have put back. */
  | { kind: 'drift'; class: DriftClass; severity: Severity; observableAt: number; unlessRestocked?: number };

export function judge(pair: Pair, reading: Reading, evidence: Evidence, settings: DriftSettings): Judgement {
  const { intended } = pair;
  const { write, beganAt, endedAt } = evidence;
  if (!intended || write.state === 'unsent' || write.state === 'sent') return { kind: 'wait', why: 'in flight', again: false };
  if (beganAt < pair.writtenAt) return { kind: 'wait', why: 'began before our write', again: true };
  const { overtaken } = pair;
  pair.overtaken = undefined;
  // Our own older number came after our newer one, and nothing else is wrong.
  if (reading.quantity === overtaken && overtaken !== intended.quantity) return { kind: 'rewrite' };
  // A difference seen before our newest write speaks against what was before it.
  if (pair.suspicion && pair.suspicion.since < pair.writtenAt) pair.suspicion = undefined;
  if (!reading.active && intended.quantity > 0) return suspect(pair, reading, evidence, settings, 'frozen-listing');
  if (isAsGoodAs(reading.quantity, intended.quantity)) {
    pair.suspicion = undefined;
    const at = Math.max(detourUntil(pair), undoneUntil(pair)) + settings.apartMs;
    if (beganAt < at) return { kind: 'wait', why: 'in flight', again: true, at };
    if (isProven(pair) && evidence.ordersKnownBefore >= Math.max(pair.writtenAt, intended.decidedAt, pair.provenSince!)) pair.firm = true;
    return { kind: 'equal' };
  }
  if (reading.quantity === pair.moved) {
    pair.suspicion = undefined;
    return { kind: 'wait', why: 'raise waits', again: true };
  }
  if (write.state === 'accepted' && endedAt < write.until) {
    if (!isEarly(pair, reading)) pair.early = { version: intended.version, observed: reading.quantity, beganAt };
    return { kind: 'wait', why: 'in flight', again: true };
  }
  // Its own sale should have moved it here. Above: the sale came before our last write and was overwritten.
  if (intended.kind === 'verify' && !isProven(pair) && reading.quantity > intended.quantity) return { kind: 'rewrite' };
  return suspect(pair, reading, evidence, settings, classOf(pair, reading, write));
}

/** Below zero nothing is for sale, as at zero: buyers whose payment took longer than the listing showed units. */
function isAsGoodAs(shown: number, intended: number): boolean {
  return shown === intended || (intended === 0 && shown < 0);
}

/** The channel does not know the listing, or does not sell what is there: believed when it says so twice. */
export function judgeStanding(pair: Pair, what: 'missing-listing' | 'frozen-listing', { beganAt }: Pick<Evidence, 'beganAt'>, { apartMs }: DriftSettings): Judgement {
  const { suspicion } = pair;
  const intended = expectedOf(pair);
  if (!intended) return { kind: 'wait', why: 'in flight', again: false };
  if (suspicion?.class !== what || suspicion.version !== intended.version) {
    const at = beganAt + apartMs;
    pair.suspicion = { class: what, version: intended.version, observed: 0, since: beganAt, reads: 1, nextAt: at };
    return { kind: 'wait', why: 'seen once', again: true, at };
  }
  if (beganAt - suspicion.since < apartMs) return { kind: 'wait', why: 'seen once', again: true, at: suspicion.since + apartMs };
  pair.suspicion = undefined;
  return { kind: 'drift', class: what, severity: 'low', observableAt: suspicion.since };
}

function classOf(pair: Pair, { quantity }: Reading, write: Outstanding): DriftClass {
  if (isProven(pair)) return pair.provenBy === 'write' && pair.sent.at(-1)?.over.includes(quantity) === true ? 'lost-write' : 'foreign-edit';
  if (pair.intended!.kind === 'verify') return 'foreign-edit';
  return write.state === 'accepted' ? 'expired-acceptance' : 'lost-write';
}

/**
 * A difference is believed when a read that cannot be stale showed it, orders are complete to the end of that read,
 * and a later one shows the same. Sales up to that read are then in the intent, or it would be another version. Units
 * beyond the intent are believed at the first such read of a pair that is firm: there a buyer can only put back what is
 * known to be ordered, or what he takes in between.
 */
function suspect(pair: Pair, reading: Reading, { beganAt, endedAt, ordersCompleteThrough, ordersAt = endedAt, write }: Evidence, { apartMs }: DriftSettings, what: DriftClass): Judgement {
  const { version, decidedAt } = pair.intended!;
  const quantity = Math.max(pair.intended!.quantity, pair.moved ?? 0);
  const changedAt = Math.max(pair.writtenAt, decidedAt, write.state === 'accepted' ? write.until : 0);
  const clean = beganAt - changedAt >= apartMs ? { beganAt, endedAt: ordersAt } : undefined;
  const before = pair.suspicion;
  const isSame = before?.version === version && before.observed === reading.quantity && before.class === what;
  const first = (isSame ? before.clean : undefined) ?? clean;
  const since = isSame ? before.since : beganAt;
  // Of a write whose time is over, what was shown before counts as the first of two.
  const wasEarly = what === 'expired-acceptance' && isEarly(pair, reading) && beganAt - pair.early!.beganAt >= apartMs;
  const isConfirmed = first !== undefined && ((isSame && beganAt - first.beganAt >= apartMs) || wasEarly);
  const excess = reading.active ? reading.quantity - quantity : 0;
  if (isConfirmed && ordersCompleteThrough >= first.endedAt) {
    pair.suspicion = undefined;
    if (restockUndone(pair, reading.quantity)) return { kind: 'rewrite' };
    return { kind: 'drift', class: what, severity: excess > 0 || quantity <= 2 ? 'high' : 'low', observableAt: since };
  }
  // Where none was clean so far, one that begins so much later is.
  const at = (first?.beganAt ?? changedAt) + apartMs;
  const next = isConfirmed ? { nextAt: Infinity, awaits: first.endedAt } : { nextAt: at };
  pair.suspicion = { class: what, version, observed: reading.quantity, since, ...(first && { clean: first }), reads: isSame ? before.reads + 1 : 1, ...next };
  if (excess > 0 && clean && pair.firm) return { kind: 'drift', class: what, severity: 'high', observableAt: since, unlessRestocked: excess };
  return isConfirmed ? { kind: 'wait', why: 'orders incomplete', again: true } : { kind: 'wait', why: 'seen once', again: true, at };
}

function isEarly({ early, intended }: Pair, { quantity }: Reading): boolean {
  return early?.version === intended!.version && early.observed === quantity;
}

/** The channel was to have put units back by itself, and our last write was carried out after that; it may have sold since. */
function restockUndone(pair: Pair, observed: number): boolean {
  const { intended, sent } = pair;
  const last = sent.at(-1);
  return intended!.kind === 'verify' && !isProven(pair) && last !== undefined && last.quantity < intended!.quantity && observed <= last.quantity;
}
