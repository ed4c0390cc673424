/**
 * One SKU: `unknown` until counted, `suspended` (raises withheld) while its source has a gap, `debouncing` while a
 * raise waits for quiet, `writing` until every channel is proven, then `settled`. States and wiring only.
 */
import { assign, cancel, enqueueActions, raise, setup } from 'xstate';
import { decide, isLate } from './debounce.ts';
import type { Debounce, Sign } from './debounce.ts';
import type { AddressOf } from './kit.ts';
import { learn } from './learn.ts';
import { askFor, gapTask } from './letters.ts';
import { hasGap, lotAt, withLot } from './lots.ts';
import type { ExposureSettings } from './exposure/record.ts';
import { lookedAt } from './escrow/turn.ts';
import { expire } from './overdue.ts';
import { emptyStock } from './protocol.ts';
import type { Message, Place, SkuEvent, SourcePolicy, Stock } from './protocol.ts';
import type { Retention } from './retention.ts';
import { signLater } from './sign-later.ts';
import { known } from './stock.ts';

export interface SkuPorts {
  sign: Sign;
  debounce: Debounce;
  /** A source is asked for what is missing after so long, ms, before people are told; never where absent. */
  askMs?: number;
  /** A gap in a source older than this becomes a task. */
  gapMs: number;
  /** A reservation that does not end becomes a task after so long, ms; never where absent. */
  openMaxMs?: number;
  /** By source; one that is not named promises nothing. */
  sources?: Readonly<Record<string, SourcePolicy>>;
  retention?: Retention;
  /** Escrow; where absent every SKU mirrors, unless people set it otherwise. */
  exposure?: ExposureSettings;
  /** Where kits and their parts reach each other; nowhere where absent. */
  addressOf?: AddressOf;
}

export type SkuMachine = ReturnType<typeof createSkuMachine>;

/** @param ports pure functions and settings; the machine itself performs nothing */
export function createSkuMachine(ports: SkuPorts) {
  const { gapMs } = ports;
  const askMs = ports.askMs === undefined ? undefined : Math.min(ports.askMs, gapMs);
  let asked: Stock | undefined;
  let found: StateName | undefined;
  return setup({
    types: { context: {} as Stock, events: {} as SkuEvent },
    actions: { publish: (_, _params: Message) => {} },
    guards: {
      // Asked once for each other state, of the same context.
      is: ({ context }, name: StateName) => {
        if (asked !== context) [asked, found] = [context, stateOf(context)];
        return found === name;
      },
    },
  }).createMachine({
    id: 'sku',
    context: emptyStock(''),
    initial: 'unknown',
    on: {
      // As one after the other: the state that follows is told by what is known at the end.
      facts: {
        actions: enqueueActions(({ context, event: { told }, enqueue }) => {
          const { sign, signed } = signLater(ports.sign);
          const later = { ...ports, sign };
          let stock = context;
          for (const { fact, place } of told) {
            // An answer names the signature of what it answers.
            if (fact.type === 'write.answered') stock = signed(stock);
            const { stock: after, says = [], gap, wakeAfterMs, rest, watchAfterMs, unwatch, exposeAfterMs, unexpose } = learn(stock, fact, place, later);
            stock = after;
            for (const params of says) enqueue({ type: 'publish', params });
            if (gap?.open) enqueue(raise(gapDue(gap.location, place, askMs !== undefined), { id: gapTimer(gap.location), delay: askMs ?? gapMs }));
            else if (gap) enqueue(cancel(gapTimer(gap.location)));
            if (wakeAfterMs !== undefined) enqueue(raise({ type: 'flush.due', place }, { id: 'flush', delay: wakeAfterMs }));
            if (rest === true) enqueue(cancel('flush'));
            if (watchAfterMs !== undefined) enqueue(raise({ type: 'open.due', place }, { id: 'open', delay: watchAfterMs }));
            if (unwatch) enqueue(cancel('open'));
            if (exposeAfterMs !== undefined) enqueue(raise({ type: 'exposure.due', place }, { id: 'exposure', delay: exposeAfterMs }));
            if (unexpose) enqueue(cancel('exposure'));
          }
          enqueue(assign(replacing(context, signed(stock))));
        }),
      },
      'flush.due': {
        actions: enqueueActions(({ context, event: { place }, enqueue }) => {
          const { stock, wakeAfterMs } = decide(context, place, ports.sign, ports.debounce, { flush: true });
          enqueue(assign(replacing(context, stock)));
          // A moment early by the journal's clock: late writes are waited for to the end.
          if (wakeAfterMs !== undefined && isLate(stock, place)) enqueue(raise({ type: 'flush.due', place }, { id: 'flush', delay: wakeAfterMs }));
        }),
      },
      'open.due': {
        actions: enqueueActions(({ context, event: { place }, enqueue }) => {
          const { stock, says, watchAfterMs } = expire(context, place, ports.openMaxMs ?? Infinity);
          enqueue(assign(replacing(context, stock)));
          for (const params of says) enqueue({ type: 'publish', params });
          if (watchAfterMs !== undefined && watchAfterMs < Infinity) enqueue(raise({ type: 'open.due', place }, { id: 'open', delay: watchAfterMs }));
        }),
      },
      'exposure.due': {
        actions: enqueueActions(({ context, event: { place }, enqueue }) => {
          const { stock, says = [], exposeAfterMs } = lookedAt(context, place, ports);
          enqueue(assign(replacing(context, stock)));
          for (const params of says) enqueue({ type: 'publish', params });
          if (exposeAfterMs !== undefined) enqueue(raise({ type: 'exposure.due', place }, { id: 'exposure', delay: exposeAfterMs }));
        }),
      },
      'gap.due': {
        actions: enqueueActions(({ context, event: { place, location = '', ask }, enqueue }) => {
          if (ask && askMs !== undefined) {
            enqueue({ type: 'publish', params: askFor(context, location, place.at - askMs, ports.sources) });
            enqueue(raise(gapDue(location, place), { id: gapTimer(location), delay: gapMs - askMs }));
            return;
          }
          enqueue({ type: 'publish', params: gapTask(context, location, place, ports.sources) });
          const lot = lotAt(context, location);
          enqueue(assign(withLot(context, location, { ...lot, gapTold: lot.position })));
        }),
      },
    },
    states: {
      unknown: elsewhere('unknown'),
      suspended: elsewhere('suspended'),
      debouncing: elsewhere('debouncing'),
      writing: elsewhere('writing'),
      settled: elsewhere('settled'),
    },
  });
}

const names = ['unknown', 'suspended', 'debouncing', 'writing', 'settled'] as const;
type StateName = typeof names[number];

/** The state is what the context says; a machine that stays where it is leaves and enters nothing. */
function stateOf(stock: Stock): StateName {
  if (known(stock) === undefined) return 'unknown';
  if (hasGap(stock)) return 'suspended';
  if (stock.waitingSince !== null) return 'debouncing';
  return Object.values(stock.outlets).some(o => o.intent && o.proof?.version !== o.intent.version) ? 'writing' : 'settled';
}

function elsewhere(here: StateName) {
  return { always: names.filter(name => name !== here).map(name => ({ guard: { type: 'is' as const, params: name }, target: name })) };
}

/** Assigning keeps what is not named: what is gone must be. */
function replacing(before: Stock, after: Stock): Stock {
  let next: Record<string, unknown> | undefined;
  for (const key in before) if (!(key in after)) (next ??= { ...after })[key] = undefined;
  return (next ?? after) as Stock;
}

function gapDue(location: string, place: Place, ask = false): Extract<SkuEvent, { type: 'gap.due' }> {
  return { type: 'gap.due', place, ...(location !== '' && { location }), ...(ask && { ask }) };
}

function gapTimer(location: string): string {
  return location === '' ? 'gap' : `gap@${location}`;
}
