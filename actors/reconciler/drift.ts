/**
 * What a reading says about an intent: equal, too early to tell, or drift. A channel sells and restocks by itself and
 * answers late, so a difference is believed only when orders are complete beyond it and two reads apart agree.
 */
import type { Reading } from '../channel/adapter.ts';
import type { DriftClass, Severity } from './protocol.ts';
import { isProven } from './proof.ts';
import type { Pair } from './proof.ts';

export interface Evidence {
  /** When the read began and ended, epoch ms. */
  beganAt: number;
  endedAt: number;
  /** Orders up to then are in the journal and in the record that the pair was last told, channel's clock. */
  ordersCompleteThrough: number;
  /** A write of the pair's intent is out: sent and unanswered, or accepted and to be proven until then. */
  write: { state: 'none' } | { state: 'unsent' } | { state: 'sent' } | { state: 'accepted'; until: number };
}

export interface DriftSettings {
  /** Two reads that agree on a difference must be this far apart, ms; longer than the channel's reads are stale. */
  apartMs: number;
}

export type Judgement =
  /** The channel shows what was intended. */
  | { kind: 'equal' }
  /** Nothing follows yet. `again` asks for another read. */
  | { kind: 'wait'; why: 'in flight' | 'began before our write' | 'orders incomplete' | 'seen once'; again: boolean }
  /** Our own write is needed, and nothing is wrong: the channel's own change was overtaken by an earlier write. */
  | { kind: 'rewrite' }
  | { kind: 'drift'; class: DriftClass; severity: Severity; observableAt: number };

export function judge(pair: Pair, reading: Reading, evidence: Evidence, { apartMs }: DriftSettings): Judgement {
  const { intended } = pair;
  if (!intended || evidence.write.state === 'unsent' || evidence.write.state === 'sent') return { kind: 'wait', why: 'in flight', again: false };
  if (evidence.beganAt < pair.writtenAt) return { kind: 'wait', why: 'began before our write', again: true };
  if (!reading.active && intended.quantity > 0) return suspect(pair, reading, evidence, apartMs, 'frozen-listing');
  if (reading.quantity === intended.quantity) {
    delete pair.suspicion;
    return { kind: 'equal' };
  }
  if (evidence.write.state === 'accepted' && evidence.endedAt < evidence.write.until) return { kind: 'wait', why: 'in flight', again: true };
  // Its own sale should have moved it here. Above: the sale came before our last write and was overwritten.
  if (intended.kind === 'verify' && !isProven(pair) && reading.quantity > intended.quantity) return { kind: 'rewrite' };
  return suspect(pair, reading, evidence, apartMs, isProven(pair) || intended.kind === 'verify' ? 'foreign-edit' : 'lost-write');
}

function suspect(pair: Pair, reading: Reading, evidence: Evidence, apartMs: number, what: DriftClass): Judgement {
  const version = pair.intended!.version;
  const before = pair.suspicion;
  if (before?.version !== version || before.observed !== reading.quantity) {
    pair.suspicion = { version, observed: reading.quantity, since: evidence.beganAt, reads: 1 };
    return { kind: 'wait', why: 'seen once', again: true };
  }
  if (evidence.beganAt - before.since < apartMs) return { kind: 'wait', why: 'seen once', again: true };
  pair.suspicion = { ...before, reads: before.reads + 1 };
  // A sale or a cancellation that we have not learnt explains it; the order poll will tell.
  if (evidence.ordersCompleteThrough < before.since) return { kind: 'wait', why: 'orders incomplete', again: true };
  delete pair.suspicion;
  const severity = reading.quantity > pair.intended!.quantity || pair.intended!.quantity <= 2 ? 'high' : 'low';
  return { kind: 'drift', class: what, severity, observableAt: before.since };
}
