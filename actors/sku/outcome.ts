/** What an event makes of a SKU, and what is asked for because of it. Pure. */
import type { Effect } from '../effect.ts';
import { decide, isLate } from './debounce.ts';
import { lookedAt } from './escrow/turn.ts';
import { learn } from './learn.ts';
import { askFor, gapTask } from './letters.ts';
import { lotAt, withLot } from './lots.ts';
import { expire } from './overdue.ts';
import type { SkuPorts } from './ports.ts';
import { eachOf } from './protocol.ts';
import type { Message, OneFact, Place, SkuEvent, Stock } from './protocol.ts';
import { signLater } from './sign-later.ts';

export interface Outcome { stock: Stock; effects: readonly Effect[] }

/** @throws what a bug throws: bad input never reaches a SKU */
export function outcomeOf(stock: Stock, event: SkuEvent, ports: SkuPorts): Outcome {
  switch (event.type) {
    case 'facts':
      return learnAll(stock, event, ports);
    case 'flush.due': {
      const { place } = event;
      const { stock: after, wakeAfterMs } = decide(stock, place, ports.sign, ports.debounce, { flush: true });
      // A moment early by the journal's clock: late writes are waited for to the end.
      return { stock: after, effects: wakeAfterMs !== undefined && isLate(after, place) ? [timer('flush', { type: 'flush.due', place }, wakeAfterMs)] : [] };
    }
    case 'open.due': {
      const { place } = event;
      const { stock: after, says, watchAfterMs } = expire(stock, place, ports.openMaxMs ?? Infinity);
      const effects = says.map(said);
      if (watchAfterMs !== undefined && watchAfterMs < Infinity) effects.push(timer('open', { type: 'open.due', place }, watchAfterMs));
      return { stock: after, effects };
    }
    case 'exposure.due': {
      const { place } = event;
      const { stock: after, says = [], exposeAfterMs } = lookedAt(stock, place, ports);
      const effects = says.map(said);
      if (exposeAfterMs !== undefined) effects.push(timer('exposure', { type: 'exposure.due', place }, exposeAfterMs));
      return { stock: after, effects };
    }
    case 'gap.due':
      return gapDue(stock, event, ports);
  }
}

/** As one after the other. */
function learnAll(before: Stock, { told }: SkuEvent & { type: 'facts' }, ports: SkuPorts): Outcome {
  const { gapMs } = ports;
  const askMs = asksAfter(ports);
  const { sign, signed } = signLater(ports.sign);
  const later = { ...ports, sign };
  const effects: Effect[] = [];
  let stock = before;
  const hear = (fact: OneFact, place: Place): void => {
    // An answer names the signature of what it answers.
    if (fact.type === 'write.answered') stock = signed(stock);
    const { stock: after, says, gap, wakeAfterMs, rest, watchAfterMs, unwatch, exposeAfterMs, unexpose } = learn(stock, fact, place, later);
    stock = after;
    if (says) for (const say of says) effects.push(said(say));
    if (gap?.open) effects.push(timer(gapTimer(gap.location), gapEvent(gap.location, place, askMs !== undefined), askMs ?? gapMs));
    else if (gap) effects.push({ kind: 'cancel', id: gapTimer(gap.location) });
    if (wakeAfterMs !== undefined) effects.push(timer('flush', { type: 'flush.due', place }, wakeAfterMs));
    if (rest === true) effects.push({ kind: 'cancel', id: 'flush' });
    if (watchAfterMs !== undefined) effects.push(timer('open', { type: 'open.due', place }, watchAfterMs));
    if (unwatch) effects.push({ kind: 'cancel', id: 'open' });
    if (exposeAfterMs !== undefined) effects.push(timer('exposure', { type: 'exposure.due', place }, exposeAfterMs));
    if (unexpose) effects.push({ kind: 'cancel', id: 'exposure' });
  };
  for (const { fact, place } of told) for (const one of eachOf(fact)) hear(one, place);
  return { stock: signed(stock), effects };
}

/** The source is asked first, where it can be; people are told later. */
function gapDue(stock: Stock, { place, location = '', ask }: SkuEvent & { type: 'gap.due' }, ports: SkuPorts): Outcome {
  const askMs = asksAfter(ports);
  if (ask && askMs !== undefined) {
    const later = timer(gapTimer(location), gapEvent(location, place), ports.gapMs - askMs);
    return { stock, effects: [said(askFor(stock, location, place.at - askMs, ports.sources)), later] };
  }
  const lot = lotAt(stock, location);
  return { stock: withLot(stock, location, { ...lot, gapTold: lot.position }), effects: [said(gapTask(stock, location, place, ports.sources))] };
}

function said(message: Message): Effect {
  return { kind: 'publish', ...message };
}

function timer(id: string, event: SkuEvent, delayMs: number): Effect {
  return { kind: 'schedule', id, delayMs, event };
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
