/** What one fact makes of a SKU, and what is to be said because of it. Pure. */
import { lookup, without } from '../own-keys.ts';
import { decide, isLate } from './debounce.ts';
import type { Decision } from './debounce.ts';
import { accountOf } from './escrow/ledger.ts';
import { permittedAtOnce } from './escrow/says.ts';
import { exposing, mayExpose } from './escrow/turn.ts';
import { aboveOf, defineKit, hearPart, isKit, setsOf, tellLine, useParts, wrongWith } from './kit.ts';
import type { AddressOf } from './kit.ts';
import { foreign, gapHealed, kitBroken, kitRefused, problemOf } from './letters.ts';
import { applyOrder, movedBy } from './lines.ts';
import { isWaiting, lotAt, withLot } from './lots.ts';
import { answered, drifted, forgotten, linked, proven, reread, withDrain, withRule } from './outlets.ts';
import { heardFrom, tellKits, useFor } from './parts.ts';
import { ended, watch } from './overdue.ts';
import type { Watched } from './overdue.ts';
import type { SkuPorts } from './ports.ts';
import { comparePositions } from './position.ts';
import type { KitFact, Message, OneFact, Place, SkuFact, Stock, StockFact } from './protocol.ts';
import { defaultRetention, putAway } from './retention.ts';
import { isForeign, restore, takeSource } from './stock.ts';

export interface Learnt extends Decision, Watched {
  says?: Message[];
  /** A gap opened, or another one in its place; or it is closed. */
  gap?: { location: string; open: boolean };
  /** Look at the ledger after so long, ms (replaces an earlier wish); or nothing of it is due any more. */
  exposeAfterMs?: number;
  unexpose?: true;
}

/** Folds one fact in and decides what follows from it. */
export function learn(before: Stock, fact: OneFact, place: Place, ports: SkuPorts): Learnt {
  const { retention = defaultRetention } = ports;
  const stock = putAway(before, place.at, retention);
  const learnt = mayExpose(stock, fact, ports) ? exposing(stock, fact, place, ports, from => folded(from, fact, place, ports)) : folded(stock, fact, place, ports);
  return ports.openMaxMs === undefined || !mayReserve(fact) ? learnt : watching(learnt, place, ports.openMaxMs);
}

function folded(stock: Stock, fact: OneFact, place: Place, ports: SkuPorts): Learnt {
  const taken = take(stock, fact, place, ports);
  return taken.stock.kit || taken.stock.kits ? talk(stock, taken, fact, place, ports) : taken;
}

function take(stock: Stock, fact: OneFact, place: Place, ports: SkuPorts): Learnt {
  const { sign, debounce, addressOf = nowhere } = ports;
  switch (fact.type) {
    case 'stock.counted':
    case 'stock.adjusted':
    case 'stock.reserved':
      return heard(stock, fact, place, ports);
    case 'stock.restored': {
      const after = restore(stock, fact);
      return after === stock ? { stock } : decide(after, place, sign, debounce, { restated: true });
    }
    case 'order.placed':
    case 'order.cancelled':
    case 'order.shipped':
    case 'order.returned': {
      const { line: id, kit } = fact;
      const noted = heardFrom(stock, fact);
      const applied = applyOrder(noted, fact);
      const { stock: after, says } = isTold(applied, stock, id) ? tellLine(applied, lookup(stock.lines, id), id, place, addressOf) : { stock: applied, says: none };
      // What a kit sold, its own channels moved.
      if (kit) return { ...decide(after, place, sign, debounce), says };
      const version = lookup(stock.outlets, fact.account)?.intent?.version ?? 0;
      return { ...decide(after, place, sign, debounce, { own: { account: fact.account, units: movedBy(stock, after, fact, version) } }), says };
    }
    case 'kit.defined':
      return defined(stock, fact, place, ports);
    case 'part.available':
      return decide(hearPart(stock, fact), place, sign, debounce);
    case 'part.used': {
      const after = useFor(stock, fact);
      return after ? decide(circled(after), place, sign, debounce) : { stock };
    }
    case 'listing.linked':
      return decide(linked(stock, fact), place, sign, debounce);
    case 'listing.unlinked':
      return decide({ ...stock, outlets: without(stock.outlets, fact.account) }, place, sign, debounce);
    case 'listing.drained': {
      const after = withDrain(stock, fact);
      return after === stock ? { stock } : decide(after, place, sign, debounce, fact.drained ? { emptied: fact.account } : {});
    }
    case 'rule.set': {
      const after = withRule(stock, fact);
      return after === stock ? { stock } : decide(after, place, sign, debounce);
    }
    case 'write.answered':
      return { stock: answered(stock, fact, place) };
    case 'observed':
      if (stock.exposure) return { stock };
      if (fact.verdict === 'drift' && isLate(stock, place)) return decide(reread(stock, fact), place, sign, debounce);
      return { stock: fact.verdict === 'drift' ? drifted(stock, fact, place, sign) : proven(stock, fact.account, fact.version, fact.quantity, place, 'read') };
    case 'ledger.lost':
      return decide(forgotten(stock, fact.until), place, sign, debounce);
    case 'ship.asked':
      return stock.exposure && lookup(stock.outlets, accountOf(fact.line))?.gross ? { stock } : { stock, says: permittedAtOnce(stock.sku, fact.line, place) };
    case 'timer.due':
    case 'cell.read':
    case 'orders.complete':
    case 'owner.new':
    case 'writes.judged':
    case 'mode.set':
    case 'mode.chosen':
      return { stock };
    default:
      throw new TypeError(`no SKU knows a fact of type ${JSON.stringify((fact as { type: unknown }).type)}`);
  }
}

function mayReserve({ type }: SkuFact): boolean {
  return type.startsWith('stock.') || type.startsWith('order.') || type.startsWith('listing.');
}

function watching(learnt: Learnt, place: Place, openMaxMs: number): Learnt {
  const { stock, says } = ended(learnt.stock, place);
  return { ...learnt, ...(says.length > 0 && { says: [...learnt.says ?? [], ...says] }), ...watch(stock, place.at, openMaxMs) };
}

const nowhere: AddressOf = () => undefined;
const none: Message[] = [];

/** An order line of a kit has news for its parts. */
function isTold(after: Stock, before: Stock, id: string): boolean {
  return after.kit !== undefined && after.lines !== before.lines && lookup(after.lines, id)?.def !== undefined;
}

function defined(stock: Stock, fact: KitFact, place: Place, { sign, debounce, addressOf = nowhere }: SkuPorts): Learnt {
  if (stock.kit && stock.kit.source !== fact.source) return { stock, says: [foreign(stock, fact, place)] };
  const wrong = wrongWith(stock, fact, addressOf);
  if (wrong !== undefined) return { stock, says: [kitRefused(stock, fact, wrong, place)] };
  const step = defineKit(stock, fact, place, addressOf);
  if (!step) return { stock: { ...stock, superseded: stock.superseded + 1 } };
  return { ...decide(circled(step.stock), place, sign, debounce), says: step.says };
}

/** Marks a kit that is part of itself; kits that were defined at the same time find it out only then. */
function circled(stock: Stock): Stock {
  const { kit } = stock;
  if (!kit) return stock;
  const isBroken = isKit(stock) && aboveOf(stock).includes(stock.sku);
  if (isBroken === (kit.broken === true)) return stock;
  const { broken: _not, ...whole } = kit;
  return { ...stock, kit: isBroken ? { ...whole, broken: true } : whole };
}

/** What kits and parts are to be told of it. */
function talk(before: Stock, learnt: Learnt, fact: SkuFact, place: Place, { addressOf = nowhere }: SkuPorts): Learnt {
  const says = [...learnt.says ?? []];
  const after = learnt.stock;
  if (after.kit?.broken !== before.kit?.broken && (before.kit?.broken || after.kit?.broken)) {
    says.push(kitBroken(after.kit?.broken ? after : before, aboveOf(after), place, !after.kit?.broken));
  }
  if (fact.type !== 'kit.defined' && isKit(after) && (!isSame(setsOf(before), setsOf(after)) || !isSame(aboveOf(before), aboveOf(after)))) {
    says.push(...useParts(after, place, addressOf));
  }
  const told = tellKits(after, place, addressOf);
  return { ...learnt, stock: told.stock, says: [...says, ...told.says] };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function heard(stock: Stock, fact: StockFact, place: Place, { sign, debounce, sources }: SkuPorts): Learnt {
  if (isForeign(stock, fact)) return { stock, says: [foreign(stock, fact, place)] };
  const { location = '' } = fact;
  const before = lotAt(stock, location);
  const { stock: taken, problem } = takeSource(stock, fact, sources?.[fact.source] ?? {}, place);
  const says = problem === undefined ? [] : problemOf(taken, fact, problem, place);
  let after = taken;
  const lot = lotAt(taken, location);
  const waits = isWaiting(lot);
  const moved = comparePositions(lot.position, before.position) !== 0;
  if (before.gapTold !== undefined && (!waits || moved)) {
    says.push(gapHealed(stock, location, fact.source, before.gapTold, place));
    const { gapTold: _told, ...rest } = lot;
    after = withLot(taken, location, rest);
  }
  // Each gap has its own time: one that was filled up to the next counts no longer.
  const waited = isWaiting(before);
  const gap = waits ? !waited || moved : waited;
  return {
    ...decide(after, place, sign, debounce, { restated: fact.type === 'stock.counted' && moved }),
    ...(says.length > 0 && { says }),
    ...(gap && { gap: { location, open: waits } }),
  };
}
