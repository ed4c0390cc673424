/** What an event makes of a SKU, and what is asked for because of it. Pure. */
import { decide, isLate } from './debounce.ts';
import { lookedAt } from './escrow/turn.ts';
import { learn } from './learn.ts';
import { askFor, gapTask } from './letters.ts';
import { lotAt, withLot } from './lots.ts';
import type { SkuPorts } from './machine.ts';
import { expire } from './overdue.ts';
import { eachOf } from './protocol.ts';
import type { Message, Place, SkuEvent, Stock } from './protocol.ts';
import { signLater } from './sign-later.ts';

/** To be told, or a timer: set anew by its name, or cancelled where it has no time. */
export type Ask = { say: Message } | { timer: string; event: SkuEvent; afterMs: number } | { timer: string; afterMs?: never };

export interface Outcome { stock: Stock; asks: readonly Ask[] }

/** @throws what a bug throws: bad input never reaches a SKU */
export function outcomeOf(stock: Stock, event: SkuEvent, ports: SkuPorts): Outcome {
  switch (event.type) {
    case 'facts':
      return told(stock, event, ports);
    case 'flush.due': {
      const { place } = event;
      const { stock: after, wakeAfterMs } = decide(stock, place, ports.sign, ports.debounce, { flush: true });
      // A moment early by the journal's clock: late writes are waited for to the end.
      return { stock: after, asks: wakeAfterMs !== undefined && isLate(after, place) ? [{ timer: 'flush', event: { type: 'flush.due', place }, afterMs: wakeAfterMs }] : [] };
    }
    case 'open.due': {
      const { place } = event;
      const { stock: after, says, watchAfterMs } = expire(stock, place, ports.openMaxMs ?? Infinity);
      const asks: Ask[] = says.map(say => ({ say }));
      if (watchAfterMs !== undefined && watchAfterMs < Infinity) asks.push({ timer: 'open', event: { type: 'open.due', place }, afterMs: watchAfterMs });
      return { stock: after, asks };
    }
    case 'exposure.due': {
      const { place } = event;
      const { stock: after, says = [], exposeAfterMs } = lookedAt(stock, place, ports);
      const asks: Ask[] = says.map(say => ({ say }));
      if (exposeAfterMs !== undefined) asks.push({ timer: 'exposure', event: { type: 'exposure.due', place }, afterMs: exposeAfterMs });
      return { stock: after, asks };
    }
    case 'gap.due':
      return gapDue(stock, event, ports);
  }
}

/** As one after the other. */
function told(before: Stock, { told: facts }: SkuEvent & { type: 'facts' }, ports: SkuPorts): Outcome {
  const { gapMs } = ports;
  const askMs = asksAfter(ports);
  const { sign, signed } = signLater(ports.sign);
  const later = { ...ports, sign };
  const asks: Ask[] = [];
  let stock = before;
  for (const { fact, place } of facts.flatMap(({ fact, place }) => eachOf(fact).map(one => ({ fact: one, place })))) {
    // An answer names the signature of what it answers.
    if (fact.type === 'write.answered') stock = signed(stock);
    const { stock: after, says, gap, wakeAfterMs, rest, watchAfterMs, unwatch, exposeAfterMs, unexpose } = learn(stock, fact, place, later);
    stock = after;
    if (says) for (const say of says) asks.push({ say });
    if (gap?.open) asks.push({ timer: gapTimer(gap.location), event: gapEvent(gap.location, place, askMs !== undefined), afterMs: askMs ?? gapMs });
    else if (gap) asks.push({ timer: gapTimer(gap.location) });
    if (wakeAfterMs !== undefined) asks.push({ timer: 'flush', event: { type: 'flush.due', place }, afterMs: wakeAfterMs });
    if (rest === true) asks.push({ timer: 'flush' });
    if (watchAfterMs !== undefined) asks.push({ timer: 'open', event: { type: 'open.due', place }, afterMs: watchAfterMs });
    if (unwatch) asks.push({ timer: 'open' });
    if (exposeAfterMs !== undefined) asks.push({ timer: 'exposure', event: { type: 'exposure.due', place }, afterMs: exposeAfterMs });
    if (unexpose) asks.push({ timer: 'exposure' });
  }
  return { stock: signed(stock), asks };
}

/** The source is asked first, where it can be; people are told later. */
function gapDue(stock: Stock, { place, location = '', ask }: SkuEvent & { type: 'gap.due' }, ports: SkuPorts): Outcome {
  const askMs = asksAfter(ports);
  if (ask && askMs !== undefined) {
    const later: Ask = { timer: gapTimer(location), event: gapEvent(location, place), afterMs: ports.gapMs - askMs };
    return { stock, asks: [{ say: askFor(stock, location, place.at - askMs, ports.sources) }, later] };
  }
  const lot = lotAt(stock, location);
  return { stock: withLot(stock, location, { ...lot, gapTold: lot.position }), asks: [{ say: gapTask(stock, location, place, ports.sources) }] };
}

function asksAfter({ askMs, gapMs }: SkuPorts): number | undefined {
  return askMs === undefined ? undefined : Math.min(askMs, gapMs);
}

function gapEvent(location: string, place: Place, ask = false): Extract<SkuEvent, { type: 'gap.due' }> {
  return { type: 'gap.due', place, ...(location !== '' && { location }), ...(ask && { ask }) };
}

function gapTimer(location: string): string {
  return location === '' ? 'gap' : `gap@${location}`;
}
