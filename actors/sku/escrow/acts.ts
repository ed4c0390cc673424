/**
 * From what the ledger's plan asks to what the owners of accounts see in the record: a write in doubt is an intent to be
 * sent once, and again only under a newer version; a reading is asked for by its time. Pure.
 */
import { lookup } from '../../own-keys.ts';
import type { Sign } from '../debounce.ts';
import { byDemand } from '../exposure/allocation.ts';
import type { Policy } from '../exposure/allocation.ts';
import { apply } from '../exposure.ts';
import type { HeldCell } from '../exposure/record.ts';
import type { Cell, Ledger, Mark } from '../exposure/ledger.ts';
import { sellable } from '../exposure/ledger.ts';
import { plan } from '../exposure/plan.ts';
import type { Act } from '../exposure/plan.ts';
import type { Said } from '../exposure/said.ts';
import { hasGap } from '../lots.ts';
import { droppedCode, haltedCode, heldCode, isOwn, passingCodes } from '../protocol.ts';
import type { Intent, Lane, Outlet, Place, Stock } from '../protocol.ts';
import { shownUnder } from '../rules.ts';
import { known } from '../stock.ts';

export interface Planned { ledger: Ledger; outlets: Stock['outlets']; says: Said[]; asks: string[] }

/** Stores what is to be written now, each as an intent of its outlet; `asks` are cells to be read. */
export function planned(stock: Stock, before: Ledger, place: Place, sign: Sign): Planned {
  let ledger = before;
  let { outlets } = stock;
  const says: Said[] = [];
  const asks: string[] = [];
  for (const act of plan(ledger, within(stock), demandOf(stock), place.at)) {
    const outlet = lookup(outlets, act.cell);
    if (!outlet || outlet.rule.skip || isLeftAlone(outlet, act)) continue;
    if (act.kind === 'read') {
      asks.push(act.cell);
      continue;
    }
    if (act.kind === 'write' && act.why === 'raise' && hasGap(stock)) continue;
    const id = act.kind === 'repeat' ? act.id : sign(partsOf(stock, act.cell, outlet, place));
    const step = apply(ledger, act.kind === 'repeat' ? { type: 'write.repeated', cell: act.cell, id } : { type: 'write.intended', cell: act.cell, id, ...act.write }, place.at);
    if (step.withheld !== undefined || step.ledger === ledger) continue;
    ({ ledger } = step);
    says.push(...step.says);
    outlets = { ...outlets, [act.cell]: intending(outlet, act, id, place) };
  }
  return { ledger, outlets, says, asks };
}

/** A cell's rule bounds what policy may want of it, and lowers what it shows. */
function within(stock: Stock): Policy {
  return (ledger, demand, now) => {
    const wanted = byDemand(ledger, demand, now);
    const units = Math.max(0, known(stock) ?? 0);
    for (const id in ledger.cells) {
      const outlet = lookup(stock.outlets, id);
      const limit = !outlet || outlet.drained ? 0 : shownUnder(outlet.rule, units);
      if ((Object.hasOwn(wanted, id) ? wanted[id]! : sellable(ledger, id) ?? 0) > limit) wanted[id] = limit;
    }
    return wanted;
  };
}

/** Units sold by account, as far as the record has their lines: about a day. */
export function demandOf({ lines }: Stock): Record<string, number> {
  const demand: Record<string, number> = {};
  for (const id in lines) {
    const account = id.slice(0, Math.max(0, id.indexOf('/')));
    demand[account] = (lookup(demand, account) ?? 0) + lines[id]!.units;
  }
  return demand;
}

/** Refused for good: until its listing is linked, its rule set or its source's number stated anew, or a person asks for it. */
export function isBlocked({ answer }: Outlet): boolean {
  return answer?.outcome === 'refused' && !passingCodes.has(answer.code ?? '');
}

const waiting: ReadonlySet<string> = new Set([heldCode, haltedCode, droppedCode]);

/** The kind of moves as which the outlet's write waits for a person, or was dropped by one. */
export function waitsAs({ answer, intent }: Outlet): 'zero' | 'raise' | undefined {
  if (!intent || answer?.outcome !== 'refused' || !waiting.has(answer.code ?? '')) return undefined;
  return intent.quantity === 0 ? 'zero' : 'raise';
}

/** What waits for a person keeps its cell from moves of its kind alone: a debt is lowered though a raise is held, and a drain goes on. */
function isLeftAlone(outlet: Outlet, act: Act): boolean {
  if (!isBlocked(outlet)) return false;
  const move = waitsAs(outlet);
  if (move === undefined) return true;
  if (act.kind !== 'write' || outlet.drained) return false;
  return move === 'raise' ? act.why === 'raise' : act.why === 'lower' && act.write.to === 0;
}

function partsOf({ sku }: Stock, account: string, { listing, ruleVersion }: Outlet, { seq }: Place): Parameters<Sign>[0] {
  return { account, listing: listing.id, sku, version: seq, kind: 'write', ...(ruleVersion !== undefined && { rule: ruleVersion }) };
}

function intending(outlet: Outlet, act: Exclude<Act, { kind: 'read' }>, id: string, { seq, at, correlation }: Place): Outlet {
  const { answer: _settled, shown: _unused, ...rest } = outlet;
  if (act.kind === 'repeat') return { ...rest, intent: { ...outlet.intent!, version: seq, decidedAt: at } };
  const { to } = act.write;
  const intent: Intent = { quantity: to, version: seq, kind: 'write', lane: laneOf(act.why, to), signature: id, causeAt: at, decidedAt: at, correlation };
  return { ...rest, intent };
}

/** A shipment lowers a count, and nothing of what is for sale. */
function laneOf(why: 'raise' | 'lower' | 'ship' | 'probe', to: number): Lane {
  if (why === 'raise' || why === 'probe') return 'raise';
  return to === 0 && why === 'lower' ? 'zero' : 'decrease';
}

/** What its owner is to do for a cell: read it, or tell how far its orders are complete. */
export function asking(ledger: Ledger, id: string, held: HeldCell | undefined, { isAsked, waitsUntil, place: { at, correlation } }: { isAsked: boolean; waitsUntil: number | undefined; place: Place }): Pick<HeldCell, 'ask' | 'askedBy' | 'wants'> {
  const ask = toRead(ledger.cells[id]!, held?.ask, isAsked, at);
  const wants = wanting(ledger, id, waitsUntil);
  // What follows from the reading belongs to whoever had it made.
  const askedBy = ask === undefined ? undefined : isAsked && !isOwn(correlation) ? correlation : held?.askedBy;
  return { ...(ask !== undefined && { ask }), ...(askedBy !== undefined && { askedBy }), ...(wants !== undefined && { wants }) };
}

function toRead({ suspect, reading, terms: { staleMs, marginMs } }: Cell, asked: number | undefined, isAsked: boolean, at: number): number | undefined {
  const readAt = reading?.at ?? 0;
  // The second look of P11.
  const again = suspect && suspect.most === undefined ? suspect.since + staleMs + marginMs + 1 : undefined;
  if (again !== undefined && suspect!.at < again) return again;
  if (asked !== undefined && asked > readAt) return asked;
  // Not at once again: a reading that is of no use is not asked for in a circle.
  return isAsked ? Math.max(at, readAt + marginMs) : undefined;
}

/** The earliest instant through which orders must be complete for something to follow. */
function wanting(ledger: Ledger, id: string, waitsUntil: number | undefined): number | undefined {
  const cell = ledger.cells[id]!;
  const { through, mark, suspect, belowSince, counter, countedSince, terms: { marginMs, holdMs, unlistedMs = 0 } } = cell;
  const all: number[] = [];
  if (mark && bears(ledger, id, mark)) all.push(mark.confirmedAt + holdMs + marginMs);
  if (suspect) all.push(suspect.at + marginMs);
  if (belowSince !== undefined) all.push(belowSince + marginMs);
  if (counter > 0 && countedSince !== undefined) all.push(countedSince + marginMs + unlistedMs);
  if (waitsUntil !== undefined) all.push(waitsUntil + marginMs);
  const open = all.filter(at => at > through);
  return open.length > 0 ? Math.min(...open) : undefined;
}

/** Something follows from the proof, once orders are complete through it. */
function bears(ledger: Ledger, id: string, mark: Mark): boolean {
  const { intent, rights, high, terms: { kind } } = ledger.cells[id]!;
  if (intent) return false;
  return mark.waited === true || ledger.recovery !== undefined || rights > (sellable(ledger, id) ?? -1) || (kind === 'gross' && high > mark.value);
}
