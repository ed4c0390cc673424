/**
 * What must go on at an account for its promises to be kept, and what is about to break one. Told while there is time
 * left: at a share of what is promised. Pure; times are arguments (epoch ms).
 */
import type { ProofFigures } from './proof-budget.ts';
import type { Severity } from './protocol.ts';
import { stockClasses } from './risk.ts';

export interface Promises {
  /** No change waits longer for its proof, ms. */
  provenMs: number;
  /** Orders are known up to no longer ago, ms. */
  ordersMs: number;
  /** Told when so much of a promise is used up, 0 to 1. */
  early: number;
}

export interface Progress {
  oldestPendingMs: number;
  /** 0 before the first poll. */
  ordersCompleteThrough: number;
  /** Since when somebody owns the account here, and so could have polled. */
  ownedSince: number;
  tokenExpiresAt: number | undefined;
  proof: ProofFigures;
  /** Of notifications, where the channel sends any and their rhythm is known: the longest silence that is usual. */
  notified?: { last: number; allowedMs: number } | undefined;
  /** It is frozen, or its grant is dead: people know why nothing moves. */
  isStopped: boolean;
}

/** Of an account. */
export const accountConcerns = ['unverified', 'orders', 'token', 'proof', 'proof-budget', 'notifications'] as const;

export interface Concern {
  /** Stays the same for one trouble; the last token of its subject. */
  what: (typeof accountConcerns)[number] | 'stuck' | 'late' | 'broken';
  severity: Severity;
  /** ms, but for the budget, where it is a share. */
  measured: number;
  promised: number;
  action: string;
}

/** A token that ended is renewed by the next call, and polls call all the time. */
const tokenGraceMs = 60_000;

export function concerns(account: string, progress: Progress, promises: Promises, now: number): Concern[] {
  const { oldestPendingMs, ordersCompleteThrough, ownedSince, tokenExpiresAt, proof, notified, isStopped } = progress;
  const { provenMs, ordersMs, early } = promises;
  const found: Concern[] = [];
  if (!isStopped && oldestPendingMs > early * provenMs) {
    found.push({ what: 'unverified', severity: 'high', measured: oldestPendingMs, promised: provenMs, action: `look what holds the oldest change back: plumb inspect channel ${account} (lanes, budgets, breaker)` });
  }
  const ordersMsOld = now - Math.max(ordersCompleteThrough, ordersCompleteThrough === 0 ? ownedSince : 0);
  if (ordersMsOld > early * ordersMs) {
    found.push({ what: 'orders', severity: 'high', measured: ordersMsOld, promised: ordersMs, action: `what ${account} sells is not known: look at its order polls, plumb inspect channel ${account}` });
  }
  if (!isStopped && tokenExpiresAt !== undefined && now - tokenExpiresAt > tokenGraceMs) {
    found.push({ what: 'token', severity: 'high', measured: now - tokenExpiresAt, promised: tokenGraceMs, action: `no call renews the token of ${account}: look at the node's log, and whether its grant lives` });
  }
  // Where nothing may be read, proofs age for a reason that is told already.
  const oldest = stockClasses.map(kind => proof.classes[kind]).filter(({ count }) => count > 0).sort((a, b) => b.oldest / b.maxAgeMs - a.oldest / a.maxAgeMs)[0];
  if (oldest && oldest.oldest > proofLate * oldest.maxAgeMs) {
    found.push({ what: 'proof', severity: 'low', measured: oldest.oldest, promised: oldest.maxAgeMs, action: `reads of ${account} come too late: look at its budgets, and at proofBudget.load` });
  }
  if (proof.load > 1) {
    found.push({ what: 'proof-budget', severity: 'low', measured: proof.load, promised: 1, action: `the read quota of ${account} cannot keep the promised ages: a whole sweep takes ${Math.ceil(proof.sweepMs / 1_000)} s. Ask for more quota, watch fewer listings (reconcile.watch), or promise longer ages (reconcile.maxProofAgeMs)` });
  }
  if (notified && now - notified.last > early * notified.allowedMs) {
    found.push({ what: 'notifications', severity: 'low', measured: now - notified.last, promised: notified.allowedMs, action: `${account} tells of nothing any more: look at its subscription and at the hook door; polls and sweeps go on` });
  }
  return found;
}

/** Proofs are renewed from eight tenths of their age on: one this old was not. */
export const proofEarly = 0.8;
const proofLate = 0.95;
