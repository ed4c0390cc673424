/** A person says which SKU a listing is of, where its own SKU at the channel says another one or none that can be kept. */
import { linkListing } from '../import.ts';
import { deletion } from '../records.ts';
import { keyFor, listingSubject } from '../subjects.ts';
import type { Desk } from './ports.ts';

/** `listing` is of SKU `is`; whoever says so has seen it at SKU `sku`. */
export interface Match { listing: string; sku: string; is: string }

/** `waits`: it was never linked, so that the next import links it. `kept`: it is so already. */
export type Matched = { kind: 'matched' | 'waits' | 'kept' } | { kind: 'refused'; why: string };

/** Rows of one command. */
const matchesMost = 200;

interface Stored { id: string; shown?: number }

/** @throws {RangeError} naming field and value */
export function matchesOf(given: unknown): Match[] {
  if (!Array.isArray(given) || given.length === 0 || given.length > matchesMost) throw new RangeError(`match: must be a list of 1 to ${matchesMost} rows, got ${JSON.stringify(given)?.slice(0, 200)}`);
  return given.map((row, n): Match => {
    const { listing, sku, is } = (row ?? {}) as Record<string, unknown>;
    for (const [name, value] of [['listing', listing], ['is', is]] as const) if (typeof value !== 'string' || value === '') throw new RangeError(`match[${n}].${name}: must be a text that is not empty, got ${JSON.stringify(value)}`);
    if (typeof sku !== 'string') throw new RangeError(`match[${n}].sku: must be a text, got ${JSON.stringify(sku)}`);
    return { listing: listing as string, sku, is: is as string };
  });
}

/**
 * Moves listings to the SKUs that they are of: the SKU that had one lets it go, the other one has it from its newest reading
 * on, and orders of the adapter's window are told to that one too. Safe to repeat, also after it was broken off.
 *
 * @param by who says so; undefined only tells what would become of it
 * @returns one for each, in their order
 * @throws {Error} where it could not be stored
 */
export async function match(desk: Desk, asked: readonly Match[], by: string | undefined): Promise<Matched[]> {
  const moves: { place: Place; match: Match }[] = [];
  const told = asked.map((each): Matched => {
    const place = placeOf(desk, each);
    const matched = judged(desk, place, each, moves.map(({ match: { listing, is } }) => ({ listing, is })));
    if (matched.kind === 'matched' || matched.kind === 'waits') moves.push({ place: place!, match: each });
    return matched;
  });
  if (by === undefined || moves.length === 0) return told;
  const { names, journal, retell } = desk;
  const given = moves.map(({ place: { name }, match: { listing, is } }) => ({ listing, name, sku: is }));
  await journal.recorded('match', by, { listings: moves.map(({ place: { name, sku }, match: { listing, is } }) => ({ listing, name, from: sku, to: is })) });
  await names.give(given);
  retell();
  for (const { place, match: one } of moves) await moved(desk, place, one);
  return told;
}

function judged(desk: Desk, place: Place | undefined, { listing, sku, is }: Match, before: readonly { listing: string; is: string }[]): Matched {
  const { names, ports: { account } } = desk;
  if (!place) return refused(`listing: ${JSON.stringify(listing)} is unknown at ${account}: plumb listings import ${account}`);
  if (place.at.length > 0 && place.at.every(each => each === is)) return { kind: 'kept' };
  // Broken off half way, the SKU of the row may still have it or not.
  if (names.of(is)?.listing !== listing && sku !== place.sku) return refused(`sku: listing ${listing} is at SKU ${JSON.stringify(place.sku)} by now, got ${JSON.stringify(sku)}: the row has changed meanwhile`);
  const why = whyNot(desk, place, listing, is, before);
  return why === undefined ? { kind: place.kind === undefined ? 'matched' : 'waits' } : refused(why);
}

/** Nothing where it was never linked. */
async function moved({ pairs, journal, ports }: Desk, { at }: Place, { listing, is }: Match): Promise<void> {
  const { account, publisher, records } = ports;
  for (const former of at.filter(sku => sku !== is)) {
    const stored = await records.get<Stored>(listingSubject(account, former));
    const pair = pairs.peek(former);
    if (!pair) continue;
    const { reading, linked: { fields } } = pair;
    await linkListing({ ...ports, publish: (name, id, fact) => journal.fact(name, id, fact) }, { listing: { id: listing, sku: is, fields }, quantity: reading?.quantity ?? stored?.value.shown });
    await journal.fact(former, `unlink:${account}:${former}:${Date.now()}`, { type: 'listing.unlinked', account });
    if (stored?.value.id === listing) await publisher.publish(listingSubject(account, former), new Uint8Array(), deletion());
  }
}

/** Where a listing stands: at these SKUs, of which one is told, or as one that was not linked. `name` is its SKU at the channel. */
interface Place { at: string[]; sku: string; name: string; kind?: 'unnamed' | 'duplicate' }

function placeOf({ pairs, names, importing }: Desk, { listing, sku, is }: Match): Place | undefined {
  const isAt = (name: string | undefined): boolean => name !== undefined && pairs.peek(name)?.linked.id === listing;
  // Both, where it was broken off between the two.
  const at = [...new Set([pairs.skuOf(listing), sku, is])].filter((name): name is string => isAt(name));
  const now = at.find(name => name !== is) ?? at[0];
  if (now !== undefined) return { at, sku: now, name: names.ofListing(listing)?.name ?? now };
  const left = importing().state?.unlinked.find(each => each.listing === listing);
  return left && { at, sku: left.sku, name: names.ofListing(listing)?.name ?? left.sku, kind: left.kind };
}

/** @param before those that come with it and are moved */
function whyNot(desk: Desk, { at, name, kind }: Place, listing: string, is: string, before: readonly { listing: string; is: string }[]): string | undefined {
  const { pairs, stage, names, ports: { account } } = desk;
  if (keyFor(is) !== is) return `is: ${JSON.stringify(is.slice(0, 120))} is too long or broken to be kept`;
  const other = pairs.peek(is)?.linked.id ?? names.of(is)?.listing ?? before.find(each => each.is === is)?.listing;
  if (other !== undefined && other !== listing) return `is: SKU ${JSON.stringify(is)} has listing ${other} at ${account}, and one account sells a SKU under one listing: listing ${listing} would be a second`;
  if (kind === 'duplicate') return `listing: ${listing} and another listing of ${account} have SKU ${JSON.stringify(name)} there, and its orders name that alone: give one of them another SKU at the channel`;
  if (name === '') return `listing: ${listing} has no SKU at ${account}, so that no order names it: give it one there`;
  const live = [...at, is].find(sku => stage.isLive(sku));
  if (live !== undefined) return `is: SKU ${JSON.stringify(live)} is live at ${account}: plumb shadow start ${account} first`;
  const escrowed = at.find(sku => pairs.peek(sku)?.cell);
  if (escrowed !== undefined) return `sku: ${JSON.stringify(escrowed)} is in escrow: give it another mode first`;
  return undefined;
}

function refused(why: string): Matched {
  return { kind: 'refused', why };
}
