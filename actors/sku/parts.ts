/** A SKU that kits are made of: which, and what each of them must be told when it changes (kit.ts is the other side). Pure. */
import { inOrder, lookup } from '../own-keys.ts';
import { say, setKey } from './kit.ts';
import type { AddressOf, KitStep } from './kit.ts';
import type { KitTalk, Message, OrderFact, Place, Stock, Use } from './protocol.ts';
import { hasGap } from './lots.ts';
import { availableIn } from './rules.ts';
import { known } from './stock.ts';

type Used = Extract<KitTalk, { type: 'part.used' }>;

/** Takes note of a kit. @returns undefined where it is no news */
export function useFor(stock: Stock, { kit, version, units, above, sets }: Used): Stock | undefined {
  const before = lookup(stock.kits ?? {}, kit);
  if (before && version <= before.version) return undefined;
  const { said, ...rest } = before ?? { heard: 0 };
  const again = said === undefined || units === before!.units ? said : anew(said, before!.units, units);
  return { ...stock, kits: { ...stock.kits, [kit]: { ...rest, version, units, above, sets, ...(again !== undefined && { said: again }) } } };
}

/**
 * What was said in kits of so many units, in kits of another number: the most that it can have meant, for a gap to hold
 * back by, and to be said again, since the kit reckons with the units that it was told.
 */
function anew(said: string, before: number, units: number): string | undefined {
  if (before === 0 || units === 0) return undefined;
  const [all, inSets] = JSON.parse(said) as Said;
  const most = (kits: number): number => Math.floor(((kits + 1) * before - 1) / units);
  return JSON.stringify([all === null ? null : most(all), inSets.map(([key, kits]) => [key, most(kits)]), -1] satisfies Said);
}

/** Counts a kit's statement as heard. */
export function heardFrom(stock: Stock, { kit }: OrderFact): Stock {
  if (!kit) return stock;
  const { said, ...use } = lookup(stock.kits ?? {}, kit.sku) ?? { version: 0, units: 0, above: [], sets: [], heard: 0 } as Use;
  if (kit.told <= use.heard || use.ahead?.includes(kit.told)) return stock;
  const ahead = new Set([...use.ahead ?? [], kit.told]);
  let { heard } = use;
  while (ahead.delete(heard + 1)) heard += 1;
  const { ahead: _before, ...rest } = use;
  const next: Use = { ...rest, heard, ...(ahead.size > 0 && { ahead: [...ahead].sort((a, b) => a - b) }), ...(said !== undefined && { said }) };
  return { ...stock, kits: { ...stock.kits, [kit.sku]: next } };
}

/** How many kits it makes up, in all and by set of locations, and what it has heard; -1: nothing of it, it is to be said again. */
type Said = [made: number | null, inSets: [key: string, made: number][], heard: number];

function made(units: number, { units: each }: Use): number {
  return Math.floor(units / each);
}

/** While the part has a gap its kits are not raised: no more than makes up what was told last. */
function withheld(units: number, last: number | null | undefined, { units: each }: Use): number {
  return last === undefined || last === null ? units : Math.min(units, (last + 1) * each - 1);
}

/** Tells the kits for which anything has changed: how many of them this part makes up, or what it has heard of them. */
export function tellKits(stock: Stock, place: Place, addressOf: AddressOf): KitStep {
  if (!stock.kits) return { stock, says: [] };
  const units = known(stock);
  const says: Message[] = [];
  const suspended = hasGap(stock);
  let { kits } = stock;
  for (const [kit, use] of inOrder(stock.kits)) {
    if (use.units === 0) continue;
    const last = suspended && use.said !== undefined ? JSON.parse(use.said) as Said : undefined;
    const all = units === undefined ? undefined : withheld(units, last?.[0], use);
    const inSets = units === undefined ? [] : use.sets.flatMap(set => {
      const key = setKey(set);
      const available = availableIn(stock, set, units);
      return available === undefined ? [] : [[key, withheld(available, last?.[1].find(([other]) => other === key)?.[1], use)] as const];
    });
    const said = JSON.stringify([all === undefined ? null : made(all, use), inSets.map(([key, each]) => [key, made(each, use)]), use.heard] satisfies Said);
    if (said === use.said) continue;
    kits = { ...kits, [kit]: { ...use, said } };
    const fact: KitTalk = {
      type: 'part.available', part: stock.sku, version: place.seq,
      ...(all !== undefined && { units: all }), ...(inSets.length > 0 && { inSets: Object.fromEntries(inSets) }), heard: use.heard,
    };
    says.push(...say(kit, `part:${stock.sku}:${kit}:${place.seq}`, fact, place, addressOf));
  }
  return { stock: kits === stock.kits ? stock : { ...stock, kits }, says };
}
