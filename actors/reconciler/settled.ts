/**
 * What is kept of a pair while nothing is going on: its intent is proven, and all that we wrote has landed. A node
 * knows five listings of a million SKUs, and most of them stand still, so that is numbers in columns (58 bytes) and
 * the names, where the object with all that may happen to a pair takes ten times as much. Pure.
 */
import type { Outlet } from '../sku/protocol.ts';
import { barePair } from './proof.ts';
import type { Pair } from './proof.ts';
import type { Stake } from './risk.ts';

/** How long the past of a pair bears on what a reading of it proves, ms. */
export const settlesWithin = ({ apartMs, callMs }: { apartMs: number; callMs: number }): number => apartMs + 2 * callMs;

/**
 * Whether `put` and `take` give back a pair that is judged alike from `now` on. Of our writes only the newest is kept
 * then: what was shown before it can be seen no more, not even by a stale read that is under way, once it has been
 * carried out for `restMs`.
 */
export function isSettled(pair: Pair, now: number, restMs: number): boolean {
  const { intended, moved, provenVersion, provenQuantity, suspicion, overtaken, readAt, nudgedAt, retryAt, sent, cell, shadow } = pair;
  if (cell || shadow || suspicion || moved !== undefined || overtaken !== undefined || retryAt > now || (nudgedAt !== undefined && nudgedAt > readAt)) return false;
  if (intended ? provenVersion !== intended.version || provenQuantity !== intended.quantity : provenVersion !== undefined) return false;
  if (intended && ((intended.quantity | 0) !== intended.quantity || !isColumn(pair.provenSince! - intended.decidedAt))) return false;
  return sent.every(({ until }) => until + restMs <= now);
}

/** Whole, not below 0 and of 32 bits. */
function isColumn(number: number): boolean {
  return number >>> 0 === number;
}

/** An outlet whose intent was proven to the unit, and that has settled unless something is known of it besides its record. */
export interface ProvenOutlet extends Outlet { intent: NonNullable<Outlet['intent']>; proof: NonNullable<Outlet['proof']> }

export function isProvenAsIs(outlet: Outlet): outlet is ProvenOutlet {
  const { intent, proof, shown } = outlet;
  return intent !== undefined && proof !== undefined && (shown === undefined || shown === intent.quantity) && proof.version === intent.version && proof.quantity === intent.quantity
    && (intent.quantity | 0) === intent.quantity && isColumn(provenAfterOf(intent, proof));
}

const provenAfterOf = (intent: { decidedAt: number }, proof: { at: number }): number => Math.max(0, proof.at - intent.decidedAt);

/** Numbers of one row, in this order. */
const version = 0, decidedAt = 1, provenAt = 2, readAt = 3, writtenAt = 4, applied = 5, numbers = 6;

const flags = {
  gross: 1, drained: 2, intended: 4, verify: 8, repair: 16, provenByRead: 32,
  /** The newest reading shows what is intended, all of it for sale, and is as old as `readAt`, or `writtenAt`. */
  shownByRead: 64, shownByWrite: 128,
  /** The newest write was of what is intended. */
  sent: 256, solo: 512, firm: 1_024,
} as const;

/** What some pairs have and most have not. */
interface Rest { fields: Record<string, string> | undefined; reading: Pair['reading'] | undefined; sent: number | undefined }

/** Many settled pairs, by row. A row that was never put must not be taken. */
export class Rows {
  readonly #numbers: Float64Array;
  readonly #quantities: Int32Array;
  readonly #flags: Uint16Array;
  readonly #sold: Float32Array;
  /** From the decision to its first proof, ms. */
  readonly #provenAfter: Uint32Array;
  readonly #fields: Record<string, string>[];
  readonly #rest = new Map<number, Rest>();

  constructor(size: number) {
    this.#numbers = new Float64Array(size * numbers);
    this.#quantities = new Int32Array(size);
    this.#flags = new Uint16Array(size);
    this.#sold = new Float32Array(size);
    this.#provenAfter = new Uint32Array(size);
    this.#fields = new Array<Record<string, string>>(size).fill(none);
  }

  /** @param pair a settled one, whose names are kept elsewhere */
  put(row: number, pair: Pair): void {
    const { intended, reading, linked, listing, sent } = pair;
    const at = row * numbers;
    this.#numbers[at + version] = intended?.version ?? 0;
    this.#numbers[at + decidedAt] = intended?.decidedAt ?? 0;
    this.#numbers[at + provenAt] = pair.provenAt;
    this.#numbers[at + readAt] = pair.readAt;
    this.#numbers[at + writtenAt] = pair.writtenAt;
    this.#numbers[at + applied] = pair.applied;
    this.#quantities[row] = intended?.quantity ?? 0;
    this.#sold[row] = pair.sold ?? 0;
    this.#provenAfter[row] = intended ? pair.provenSince! - intended.decidedAt : 0;
    this.#fields[row] = shared(linked.fields);
    const last = sent.at(-1)?.quantity;
    const shows = intended && reading && reading.version === undefined && reading.quantity === intended.quantity && reading.buyable === intended.quantity;
    const shown = !shows ? 0 : reading.at === pair.readAt ? flags.shownByRead : reading.at === pair.writtenAt ? flags.shownByWrite : 0;
    const wasSent = last !== undefined && last === intended?.quantity;
    this.#flags[row] = (pair.gross ? flags.gross : 0) | (pair.drained ? flags.drained : 0) | (intended ? flags.intended : 0)
      | (intended?.kind === 'verify' ? flags.verify : intended?.kind === 'repair' ? flags.repair : 0)
      | (pair.provenBy === 'read' ? flags.provenByRead : 0) | shown | (wasSent ? flags.sent : 0) | (pair.solo ? flags.solo : 0) | (pair.firm ? flags.firm : 0);
    const fields = isSame(linked.fields, listing.fields) ? undefined : listing.fields;
    const unlike = shown === 0 ? reading : undefined;
    const sentOther = wasSent ? undefined : last;
    if (fields || unlike || sentOther !== undefined) this.#rest.set(row, { fields, reading: unlike, sent: sentOther });
    else this.#rest.delete(row);
  }

  /** As `put` of a pair of which nothing is known but this. */
  putProven(row: number, { listing, gross, drained, intent, proof }: ProvenOutlet, lastApplied: number): void {
    const at = row * numbers;
    this.#numbers[at + version] = intent.version;
    this.#numbers[at + decidedAt] = intent.decidedAt;
    this.#numbers[at + provenAt] = proof.at;
    this.#numbers[at + readAt] = this.#numbers[at + writtenAt] = 0;
    this.#numbers[at + applied] = lastApplied;
    this.#quantities[row] = intent.quantity;
    this.#sold[row] = 0;
    this.#provenAfter[row] = provenAfterOf(intent, proof);
    this.#fields[row] = shared(listing.fields);
    this.#rest.delete(row);
    this.#flags[row] = (gross ? flags.gross : 0) | (drained === true ? flags.drained : 0) | flags.intended
      | (intent.kind === 'verify' ? flags.verify : intent.kind === 'repair' ? flags.repair : 0)
      | (proof.by === 'read' ? flags.provenByRead : 0);
  }

  /** As `putProven`, where all but the last is so already. */
  isTold(row: number, { listing, gross, drained, intent }: ProvenOutlet, lastApplied: number): boolean {
    const has = this.#flags[row]!;
    const at = row * numbers;
    if (!(has & flags.intended) || this.#numbers[at + version] !== intent.version || this.#fields[row] !== shared(listing.fields)) return false;
    if ((has & flags.gross) > 0 !== gross || (has & flags.drained) > 0 !== (drained === true)) return false;
    this.#numbers[at + applied] = lastApplied;
    return true;
  }

  /** The pair anew, an object of its own. */
  take(row: number, sku: string, id: string): Pair {
    const at = row * numbers;
    const has = this.#flags[row]!;
    const quantity = this.#quantities[row]!;
    const rest = this.#rest.get(row);
    const fields = this.#fields[row]!;
    const read = this.#numbers[at + readAt]!;
    const written = this.#numbers[at + writtenAt]!;
    const pair = barePair(sku, { id, sku, fields: rest?.fields ?? fields }, { id, fields }, (has & flags.gross) > 0);
    pair.drained = (has & flags.drained) > 0;
    pair.provenAt = this.#numbers[at + provenAt]!;
    pair.readAt = read;
    pair.writtenAt = written;
    pair.applied = this.#numbers[at + applied]!;
    if (has & flags.intended) {
      const kind = has & flags.verify ? 'verify' : has & flags.repair ? 'repair' : 'write';
      pair.intended = { quantity, version: this.#numbers[at + version]!, kind, decidedAt: this.#numbers[at + decidedAt]! };
      pair.provenVersion = pair.intended.version;
      pair.provenQuantity = quantity;
      pair.provenBy = has & flags.provenByRead ? 'read' : 'write';
      pair.provenSince = pair.intended.decidedAt + this.#provenAfter[row]!;
    }
    const sold = this.#sold[row]!;
    if (sold > 0) pair.sold = sold;
    if (rest?.reading) pair.reading = rest.reading;
    else if (has & flags.shownByRead) pair.reading = { quantity, buyable: quantity, at: read };
    else if (has & flags.shownByWrite) pair.reading = { quantity, buyable: quantity, at: written };
    const sent = has & flags.sent ? quantity : rest?.sent;
    if (sent !== undefined) pair.sent.push({ quantity: sent, until: written, over: [] });
    if (has & flags.solo) pair.solo = true;
    if (has & flags.firm) pair.firm = true;
    return pair;
  }

  /** When a row was last seen to be right. */
  seenAt(row: number): number {
    const at = row * numbers;
    return Math.max(this.#numbers[at + provenAt]!, this.#numbers[at + readAt]!);
  }

  /** What is at stake in a row with an intent; undefined for one without. */
  stake(row: number): Stake | undefined {
    const has = this.#flags[row]!;
    if (!(has & flags.intended)) return undefined;
    const at = row * numbers;
    return {
      quantity: this.#quantities[row]!,
      sold: this.#sold[row]!,
      decidedAt: this.#numbers[at + decidedAt]!,
      seenAt: this.seenAt(row),
      unseen: (has & flags.provenByRead) === 0,
    };
  }

  /** Lets go of what a row held. */
  clear(row: number): void {
    this.#flags[row] = 0;
    this.#fields[row] = none;
    this.#rest.delete(row);
  }
}

const none: Record<string, string> = {};

/** Most channels need no ids beyond the listing's own. */
function shared(fields: Record<string, string>): Record<string, string> {
  for (const _ in fields) return fields;
  return none;
}

function isSame(a: Record<string, string>, b: Record<string, string>): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}
