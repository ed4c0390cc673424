/** When each listing was last proven to show what was intended. Pure data; time is an argument (epoch ms). */
import type { Listing, Reading } from '../channel/adapter.ts';
import type { HeldCell } from '../sku/exposure/record.ts';
import type { Outlet } from '../sku/protocol.ts';
import type { DriftClass } from './protocol.ts';
import { soldBy } from './risk.ts';

/**
 * What is known of one SKU at one account. Every field is always there, and none is ever deleted: there are as many pairs
 * as listings, and an object that a field was deleted from is a table that takes three times as much and is slow to read.
 */
export interface Pair {
  sku: string;
  /** With the vendor ids of the newest reading. */
  listing: Listing;
  /** As it was linked: a listing that is linked anew is another one. */
  linked: { id: string; fields: Record<string, string> };
  gross: boolean;
  drained: boolean;
  /** The account is not live for it: it is read and compared, and nothing that it shows is drift. */
  shadow: true | undefined;
  intended: { quantity: number; version: number; kind: 'write' | 'verify' | 'repair'; decidedAt: number } | undefined;
  /** What the channel's own orders have made of that since, while another intent waits for quiet or for the source. */
  moved: number | undefined;
  /** Units by which the intent fell lately, when it was decided; absent for none. Fast sellers are looked at more often. */
  sold: number | undefined;
  /** Version last proven with its number, by what, and when a read or an answer last showed that. */
  provenVersion: number | undefined;
  provenQuantity: number | undefined;
  provenBy: 'write' | 'read' | undefined;
  provenAt: number;
  /** When that version was proven first. */
  provenSince: number | undefined;
  /** It was seen to be right by a read that began when all orders to `provenSince` were known: nothing that came before can raise it. */
  firm: true | undefined;
  /** The newest reading, for conditional writes and for people. */
  reading: { quantity: number; buyable: number; version?: string; at: number } | undefined;
  /** A difference seen, not yet believed. */
  suspicion: Suspicion | undefined;
  /** What was shown while an accepted write had time left, by the first read that showed it. */
  early: { version: number; observed: number; beganAt: number } | undefined;
  readAt: number;
  /** The channel told of a change: to be read, unless it was since. */
  nudgedAt: number | undefined;
  /** A sweep that failed reads it again only from then on. */
  retryAt: number;
  /** A feed that was overtaken may have set this after our newest write: the next read tells. */
  overtaken: number | undefined;
  /** A read of several with it was refused as a whole: it is read alone. */
  solo: boolean | undefined;
  /** When our newest write for it was answered or lost; a read begun before proves nothing of it. */
  writtenAt: number;
  /** While the SKU is in escrow: what the channel may sell, and what is in doubt. */
  cell: HeldCell | undefined;
  /** Sequence that the SKU's record had applied when it was last told. */
  applied: number;
  /** What was last told of it, while it is at hand. */
  told: Outlet | undefined;
  /** Our latest writes: by when each had done all it will do, and what the channel may have shown before it. */
  sent: { quantity: number; until: number; over: number[] }[];
}

const sentMax = 8;

export interface Suspicion {
  class: DriftClass;
  /** Version of the intent that it speaks against. */
  version: number;
  observed: number;
  /** When the first read that showed it began. */
  since: number;
  /** The first read that showed it and was too late to show the time before our last change, however stale; `endedAt` by the channel's clock. */
  clean?: { beganAt: number; endedAt: number };
  /** Reads that showed the same difference. */
  reads: number;
  /** The next read can decide from then on; never before orders are complete to `awaits`, where that is set. */
  nextAt?: number;
  awaits?: number;
}

/** Of which nothing is known but its listing. */
export function barePair(sku: string, listing: Listing, linked: Pair['linked'], gross: boolean): Pair {
  return {
    sku, listing, linked, gross, drained: false, shadow: undefined, intended: undefined, moved: undefined, sold: undefined,
    provenVersion: undefined, provenQuantity: undefined, provenBy: undefined, provenAt: 0, provenSince: undefined, firm: undefined,
    reading: undefined, suspicion: undefined, early: undefined, readAt: 0, nudgedAt: undefined, retryAt: 0, overtaken: undefined, solo: undefined,
    writtenAt: 0, cell: undefined, applied: 0, told: undefined, sent: [],
  };
}

export function newPair(sku: string, outlet: Outlet): Pair {
  const { listing, gross } = outlet;
  return barePair(sku, { id: listing.id, sku, fields: listing.fields }, listing, gross);
}

/** Takes note of a SKU's record, in place: there are as many pairs as listings. */
export function noteRecord(pair: Pair, outlet: Outlet): void {
  const former = pair.linked;
  // Of what says the same, one object is kept.
  pair.linked = outlet.listing;
  if (!isSameListing(former, outlet.listing)) {
    pair.listing = { id: outlet.listing.id, sku: pair.sku, fields: outlet.listing.fields };
    // What was read there says nothing of it.
    pair.reading = undefined;
    pair.suspicion = undefined;
    pair.solo = undefined;
  }
  pair.gross = outlet.gross;
  pair.drained = outlet.drained === true;
  const { intent, proof, shown } = outlet;
  pair.moved = undefined;
  if (!intent) {
    // A listing that is not to be written any more: nothing that it shows is wrong.
    pair.intended = undefined;
    pair.suspicion = undefined;
    return;
  }
  const { quantity, version, kind, decidedAt } = intent;
  noteSold(pair, intent);
  if (pair.intended?.version !== version) pair.firm = undefined;
  pair.intended = { quantity, version, kind, decidedAt };
  // What another owner wrote.
  if (pair.sent.length === 0 && proof?.by === 'write' && proof.version !== version) pair.sent.push({ quantity: proof.quantity, until: proof.at, over: [] });
  if (shown !== undefined && shown !== quantity) pair.moved = shown;
  if (proof?.version === version && pair.provenVersion !== version) {
    pair.provenVersion = version;
    pair.provenQuantity = proof.quantity;
    pair.provenBy = proof.by;
    pair.provenAt = Math.max(pair.provenAt, proof.at);
    pair.provenSince = Math.max(proof.at, decidedAt);
    // What was sent before has landed, too.
    for (const write of pair.sent) write.until = Math.min(write.until, proof.at);
  }
  if (pair.suspicion && pair.suspicion.version !== version) pair.suspicion = undefined;
}

const soldLeast = 0.01;

function noteSold(pair: Pair, { quantity, version, decidedAt }: NonNullable<Outlet['intent']>): void {
  const { intended: before } = pair;
  if (!before || before.version === version) return;
  // As many digits as a settled pair keeps.
  const sold = Math.fround(soldBy(pair.sold ?? 0, before.decidedAt, decidedAt) + Math.max(0, before.quantity - quantity));
  if (sold < soldLeast) pair.sold = undefined;
  else pair.sold = sold;
}

function isSameListing(a: Outlet['listing'], b: Outlet['listing']): boolean {
  const keys = Object.keys(a.fields);
  return a.id === b.id && keys.length === Object.keys(b.fields).length && keys.every(key => a.fields[key] === b.fields[key]);
}

/** What a proven listing has for sale, and since when: in escrow what it has left, which no intent says. */
export function onSale({ cell, intended }: Pair): { quantity: number; decidedAt: number } {
  return cell ? { quantity: cell.shown ?? 0, decidedAt: intended?.decidedAt ?? 0 } : intended!;
}

/** What a finding is about: the intent, less what was sold of it since; or in escrow, where none may stand, what the channel has left to sell. */
export function expectedOf({ cell, intended, moved }: Pair): { quantity: number; version: number } | undefined {
  if (intended) return { quantity: moved ?? intended.quantity, version: intended.version };
  return cell && { quantity: cell.shown ?? 0, version: 0 };
}

/** In escrow a channel that nothing is to be written to, nor was, shows what it should. */
export function isProven(pair: Pair): boolean {
  if (pair.cell && !pair.cell.intent && !pair.cell.mark?.waited) return true;
  return pair.intended !== undefined && pair.provenVersion === pair.intended.version;
}

/**
 * A write was answered or lost at `now`; an accepted one may be carried out until later. What was read before is gone.
 *
 * @param restMs what was shown before a write that was carried out so long ago can be seen no more
 */
export function noteWrite(pair: Pair, quantity: number, now: number, until = now, restMs = Infinity): void {
  const { provenQuantity, reading } = pair;
  const sent = pair.sent.every(write => write.until + restMs <= now) ? pair.sent.slice(-1) : pair.sent;
  pair.writtenAt = now;
  pair.firm = undefined;
  pair.sent = [...sent.length === sentMax ? sent.slice(1) : sent, { quantity, until, over: shownBefore(provenQuantity, reading?.quantity, sent) }];
  pair.reading = undefined;
}

function shownBefore(proven: number | undefined, read: number | undefined, sent: Pair['sent']): number[] {
  const all: number[] = [];
  const note = (shown: number | undefined): void => { if (shown !== undefined && !all.includes(shown)) all.push(shown); };
  note(proven);
  note(read);
  for (const write of sent) note(write.quantity);
  // As many places as numbers: one that has grown keeps room for seventeen.
  return all.slice();
}

/**
 * From A to B and back to A: until when the write of B may have been carried out, so that a reading of A may be of
 * the time before it. 0 where what is intended now was not shown before.
 */
export function detourUntil({ sent, intended }: Pair): number {
  const back = intended?.quantity ?? NaN;
  return sent.reduce((until, write) => (write.quantity !== back && write.over.includes(back) ? Math.max(until, write.until) : until), 0);
}

/**
 * The channel's own sales and restocks, to be read: until when a write of ours may have undone them, so that a reading
 * of them may be of the time before. 0 where they were read, or what we wrote last is intended.
 */
export function undoneUntil(pair: Pair): number {
  const { sent, intended } = pair;
  const last = sent.at(-1);
  return intended?.kind === 'verify' && !isProven(pair) && last && last.quantity !== intended.quantity ? last.until : 0;
}

export function noteReading(pair: Pair, reading: Reading, at: number): void {
  pair.reading = { quantity: reading.quantity, buyable: reading.buyable, ...(reading.version !== undefined && { version: reading.version }), at };
  // Vendor ids that a later write must carry travel with the newest reading.
  pair.listing = { ...pair.listing, fields: { ...pair.listing.fields, ...reading.listing.fields } };
  pair.readAt = at;
}
