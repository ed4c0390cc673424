/**
 * A SKU whose channels hold units of their own: every fact that its stock has taken in is told to its ledger, then what
 * is to be written now is stored (docs/exposure.md). Pure.
 */
import { lookup } from '../../own-keys.ts';
import { apply } from '../exposure.ts';
import type { ExposureFact } from '../exposure.ts';
import type { Exposure, ExposureSettings, HeldCell, Waiting } from '../exposure/record.ts';
import { changed } from '../exposure/ledger.ts';
import type { Ledger } from '../exposure/ledger.ts';
import { dueAt } from '../exposure/plan.ts';
import type { Said } from '../exposure/said.ts';
import { anewCode, droppedCode, haltedCode, heldCode, notLiveCode, unsentCode } from '../protocol.ts';
import type { ChannelFact, Outlet, Place, SkuFact, Stock } from '../protocol.ts';
import type { Sign } from '../debounce.ts';
import { asking, isBlocked, planned, waitsAs } from './acts.ts';
import { accountOf, exposureOf, isClosed, ledgerOf, lineOf, linesOf, shipOf, supplyOf } from './ledger.ts';
import { isProven, relisted, withCells } from './mode.ts';
import { isOver, unknownTo } from './waiting.ts';

export type Exposed = Stock & { exposure: Exposure };

export interface Followed {
  stock: Exposed;
  says: Said[];
  /** Look again after so long, ms. */
  dueAfterMs?: number;
  /** Nothing is due any more. */
  undue?: true;
}

/**
 * @param before the stock that the ledger last followed
 * @param after the same with the fact taken in, its exposure as it was; both alike where there is none
 */
export function follow(before: Exposed, after: Exposed, fact: SkuFact | undefined, place: Place, settings: ExposureSettings | undefined, sign: Sign): Followed {
  const { exposure: linked, says } = withCells(after, relisted(before, after, settings), place, settings);
  const exposure = fact?.type === 'writes.judged' ? judged(linked, fact) : linked;
  let ledger = ledgerOf(before, exposure, settings);
  const tell = (told: ExposureFact): void => {
    const step = apply(ledger, told, place.at);
    ({ ledger } = step);
    says.push(...step.says);
  };
  // A fact that comes before the timer that is over by now takes its place.
  if (!fact || (exposure.due ?? Infinity) <= place.at) tell({ type: 'time.due' });
  if (fact) for (const told of factsOf(before, after, fact, ledger)) tell(told);
  const supply = supplyOf(after);
  const waiting = supply === undefined ? undefined : waitingOf(before, after, exposure, fact, place, ledger, supply);
  if (supply !== undefined) tell({ type: 'supply.stated', quantity: supply + (waiting?.lag ?? 0), counted: fact?.type === 'stock.counted' });
  ledger = { ...ledger, lines: linesOf(after, shipOf(ledger)) };

  const plan = planned(unblocked(after, fact, ledger), ledger, place, sign);
  says.push(...plan.says);
  const { waiting: _former, due: formerly, found: open, ...kept } = exposureOf(plan.ledger, exposure);
  const { found, over } = foundIn(open, says, plan.ledger, place);
  says.push(...over);
  const waitsUntil = waiting && Math.max(waiting.through ?? 0, waiting.ids.length > 0 ? waiting.since : 0);
  const cells: Record<string, HeldCell> = {};
  for (const id in kept.cells) {
    const { ask: _ask, askedBy: _by, wants: _wants, ...cell } = kept.cells[id]!;
    cells[id] = { ...cell, ...asking(plan.ledger, id, lookup(exposure.cells, id), { isAsked: plan.asks.includes(id), waitsUntil, place }) };
  }
  const due = dueAt(plan.ledger, place.at);
  const stock: Exposed = {
    ...after,
    outlets: proving(plan.outlets, cells, place),
    exposure: { ...kept, cells, ...(waiting && { waiting }), ...(found && { found }), ...(due !== undefined && { due }) },
  };
  // Where nothing was told its timer has come, a moment early by the journal's clock as it may be: it is wound again.
  if (due !== undefined && (due !== formerly || !fact)) return { stock, says, dueAfterMs: due - place.at };
  return { stock, says, ...(due === undefined && formerly !== undefined && { undue: true as const }) };
}

/** A5: whether the account's conditions are counted on from now on. */
function judged(exposure: Exposure, { account, kept }: { account: string; kept: boolean }): Exposure {
  const cell = lookup(exposure.cells, account);
  if (!cell || (cell.weak !== true) === kept) return exposure;
  return { ...exposure, cells: { ...exposure.cells, [account]: changed<HeldCell>(cell, { weak: kept ? undefined : true }) } };
}

/** What was refused is tried once more where the source or a person has said something new; what is held, by whatever its source says. */
function unblocked(stock: Exposed, fact: SkuFact | undefined, { cells }: Ledger): Exposed {
  const isNews = fact?.type === 'stock.counted' || fact?.type === 'rule.set' || fact?.type === 'listing.linked';
  if (!isNews && fact?.type !== 'stock.adjusted' && fact?.type !== 'stock.reserved' && fact?.type !== 'stock.restored') return stock;
  const outlets = Object.entries(stock.outlets).map(([account, outlet]): [string, Outlet] => {
    if (!isBlocked(outlet) || (!isNews && waitsAs(outlet) === undefined)) return [account, outlet];
    const { answer: _refused, intent, ...rest } = outlet;
    // One in doubt is over by its time alone.
    return [account, intent && lookup(cells, account)?.intent?.id === intent.signature ? { ...rest, intent } : rest];
  });
  return { ...stock, outlets: Object.fromEntries(outlets) };
}

/** A foreign raise is open until nothing of it can be sold beyond what exists. */
function foundIn(before: Exposure['found'], says: readonly Said[], { shortfall }: Ledger, { seq, at }: Place): { found?: Exposure['found']; over: Said[] } {
  const found = { ...before };
  for (const said of says) if (said.type === 'drift.found') found[said.cell] = { seq, at, shown: said.shown, rights: said.rights };
  if (shortfall) return { ...(Object.keys(found).length > 0 && { found }), over: [] };
  return { over: Object.entries(found).map(([cell, each]) => ({ type: 'drift.over', cell, ...each })) };
}

/** What a fact of the SKU is to its ledger. */
function factsOf(before: Exposed, after: Exposed, fact: SkuFact, ledger: Ledger): ExposureFact[] {
  switch (fact.type) {
    case 'order.placed':
    case 'order.cancelled':
    case 'order.shipped':
    case 'order.returned': return lineFacts(before, after, fact.line);
    case 'orders.complete': return [{ type: 'orders.complete', cell: fact.account, through: fact.through }];
    case 'cell.read': {
      const { account: cell, quantity: value, at, tag, sold, soldBy } = fact;
      return [{ type: 'cell.read', cell, value, at, ...(tag !== undefined && { version: tag }), ...(sold !== undefined && { sold }), ...(soldBy !== undefined && { by: soldBy }) }];
    }
    case 'write.answered': return answerFacts(fact, ledger);
    case 'owner.new': return Object.hasOwn(ledger.cells, fact.account) ? [{ type: 'owner.new', cell: fact.account }] : [];
    case 'writes.judged': return fact.kept ? [] : [{ type: 'condition.broken', cell: fact.account }];
    case 'ledger.lost': return [{ type: 'ledger.lost', until: fact.until, allowed: fact.allowed }];
    case 'ship.asked': return [{ type: 'ship.asked', line: fact.line }];
    default: return [];
  }
}

function lineFacts(before: Exposed, after: Exposed, id: string): ExposureFact[] {
  const line = lookup(after.lines, id);
  if (!line || line === lookup(before.lines, id)) return [];
  const { units, cancelled, createdAt } = lineOf(id, line);
  return [{ type: 'order.line', line: id, cell: accountOf(id), units, cancelled, ...(createdAt !== undefined && { createdAt }), ...(isClosed(line) && { closed: true as const }) }];
}

function answerFacts({ account: cell, signature: id, outcome, code = '', after, sold, tag }: Extract<ChannelFact, { type: 'write.answered' }>, { cells }: Ledger): ExposureFact[] {
  const { intent } = lookup(cells, cell) ?? {};
  if (outcome === 'ambiguous') return [{ type: 'write.unanswered', cell, id }];
  if (outcome === 'refused') {
    const wasSent = (intent?.attempts ?? 0) > 1;
    if (code === anewCode) return [{ type: 'write.resumed', cell, id }];
    // No word of the channel: of what was sent before it tells nothing.
    if (code === haltedCode || code === droppedCode || (wasSent && (code === heldCode || code === notLiveCode))) return [{ type: 'write.halted', cell, id }];
    if (wasSent && code === unsentCode) return [];
  }
  return [{ type: 'write.answered', cell, id, outcome, ...(after !== undefined && { after }), ...(sold !== undefined && { sold }), ...(tag !== undefined && { version: tag }) }];
}

/** What is not believed of the source's number from now on. Order lines never change what is believed to have existed. */
function waitingOf(before: Exposed, after: Exposed, { waiting }: Exposure, fact: SkuFact | undefined, place: Place, ledger: Ledger, supply: number): Waiting | undefined {
  const news = fact?.type === 'stock.counted' ? unknownTo(before, after, before.exposure, place) : undefined;
  const waits = news ?? waiting;
  const supplyBefore = supplyOf(before);
  if (!waits || supplyBefore === undefined || isOver(after, { ...waits, lag: 0 }, ledger)) return undefined;
  const believed = supplyBefore + (waiting?.lag ?? 0);
  const isStated = fact?.type === 'stock.adjusted' || fact?.type === 'stock.reserved' || fact?.type === 'stock.restored' || fact?.type === 'order.returned';
  return { ...waits, lag: believed - (isStated ? supplyBefore : supply) };
}

/** An intent is proven by its mark; one that was refused, or that nobody knows of any more, is none. */
function proving(outlets: Stock['outlets'], cells: Exposure['cells'], place: Place): Stock['outlets'] {
  let next = outlets;
  for (const account in outlets) {
    const outlet = outlets[account]!;
    const cell = lookup(cells, account);
    const { intent } = outlet;
    if (!cell || !intent || isProven(outlet) || cell.intent?.id === intent.signature) continue;
    if (next === outlets) next = { ...outlets };
    next[account] = settledOutlet(outlet, cell, place);
    if (next[account] === outlet && Object.keys(next).every(id => next[id] === outlets[id])) next = outlets;
  }
  return next;
}

function settledOutlet(outlet: Outlet, { mark, intent, shown }: HeldCell, { at }: Place): Outlet {
  // Refused for good: it stands as what people are told of; unless a person is to decide on what is there by now.
  if (isBlocked(outlet) && (waitsAs(outlet) === undefined || shown !== outlet.intent?.quantity)) return outlet;
  const { intent: wrote, answer: _settled, ...rest } = outlet;
  if (intent === undefined && mark?.waited) return outlet;
  if (intent === undefined && mark?.value === wrote!.quantity) return { ...rest, intent: wrote!, proof: { version: wrote!.version, quantity: wrote!.quantity, at, by: 'read' } };
  return rest;
}
