/**
 * One SKU: `unknown` until counted, `suspended` (raises withheld) while its source has a gap, `debouncing` while a
 * raise waits for quiet, `writing` until every channel is proven, then `settled`. States and wiring only.
 */
import { assign, cancel, enqueueActions, raise, setup } from 'xstate';
import { decide, ownChange, repair } from './debounce.ts';
import type { Debounce, Decision, Sign } from './debounce.ts';
import type { Place, SkuEvent, SkuFact, SourcePolicy, Stock } from './protocol.ts';
import { emptyStock } from './protocol.ts';
import { applyOrder, applySource, hasGap } from './stock.ts';

export interface SkuPorts {
  sign: Sign;
  debounce: Debounce;
  /** A gap in a source older than this becomes a task. */
  gapMs: number;
  /** By source; one that is not named promises nothing. */
  sources?: Readonly<Record<string, SourcePolicy>>;
}

export type SkuMachine = ReturnType<typeof createSkuMachine>;

/** @param ports pure functions and settings; the machine itself performs nothing */
export function createSkuMachine(ports: SkuPorts) {
  return setup({
    types: { context: {} as Stock, events: {} as SkuEvent },
    actions: { publish: (_, _params: { to: string[]; id: string; body: unknown }) => {} },
    guards: {
      uncounted: ({ context }) => context.onHand === undefined,
      gap: ({ context }) => hasGap(context),
      waiting: ({ context }) => context.waitingSince !== undefined,
      unproven: ({ context }) => Object.values(context.outlets).some(o => o.intent && o.proof?.version !== o.intent.version),
    },
  }).createMachine({
    id: 'sku',
    context: emptyStock(''),
    initial: 'unknown',
    on: {
      fact: {
        target: '.deciding',
        actions: enqueueActions(({ context, event, enqueue }) => {
          const hadGap = hasGap(context);
          const decision = learn(context, event.fact, event.place, ports);
          enqueue(assign(whole(decision.stock)));
          const gap = hasGap(decision.stock);
          if (gap && !hadGap) enqueue(raise({ type: 'gap.due', place: event.place }, { id: 'gap', delay: ports.gapMs }));
          if (!gap && hadGap) enqueue(cancel('gap'));
          if (decision.wakeAfterMs !== undefined) enqueue(raise({ type: 'flush.due', place: event.place }, { id: 'flush', delay: decision.wakeAfterMs }));
          if (decision.rest === true) enqueue(cancel('flush'));
        }),
      },
      'flush.due': {
        target: '.deciding',
        actions: assign(({ context, event }) => whole(decide(context, event.place, ports.sign, ports.debounce, { flush: true }).stock)),
      },
      'gap.due': {
        actions: {
          type: 'publish',
          params: ({ context, event }) => ({
            to: ['dead', 'gap', context.source ?? 'unknown', context.sku],
            id: `gap:${context.sku}:${context.position}`,
            body: {
              class: 'gap',
              sku: context.sku,
              source: context.source,
              message: `position ${context.position + 1} of ${context.sku} never came; ${context.held.length} later changes wait behind it`,
              heals: 'the missing event, or a count with a higher position',
              at: event.place.at,
            },
          }),
        },
      },
    },
    states: {
      unknown: {},
      deciding: {
        always: [
          { guard: 'uncounted', target: 'unknown' },
          { guard: 'gap', target: 'suspended' },
          { guard: 'waiting', target: 'debouncing' },
          { guard: 'unproven', target: 'writing' },
          { target: 'settled' },
        ],
      },
      suspended: {},
      debouncing: {},
      writing: {},
      settled: {},
    },
  });
}

/** `assign` merges: what is absent must be said to go. */
function whole(stock: Stock): Stock {
  return { ...stock, waitingSince: stock.waitingSince as never };
}

/** Folds one fact in and decides what follows from it. */
function learn(stock: Stock, fact: SkuFact, place: Place, { sign, debounce, sources }: SkuPorts): Decision {
  switch (fact.type) {
    case 'stock.counted':
    case 'stock.adjusted':
    case 'stock.reserved':
      return decide(applySource(stock, fact, sources?.[fact.source]), place, sign, debounce);
    case 'order.placed':
    case 'order.cancelled':
    case 'order.shipped': {
      const own = { account: fact.account, units: ownChange(fact, stock.lines[fact.line]) };
      return decide(applyOrder(stock, fact), place, sign, debounce, { own });
    }
    case 'listing.linked': {
      const { account, listing, gross, rule, shown } = fact;
      const before = stock.outlets[account];
      const outlet = { ...before, listing, gross, rule, ...(shown !== undefined && { shown }) };
      return decide({ ...stock, outlets: { ...stock.outlets, [account]: outlet } }, place, sign, debounce);
    }
    case 'listing.unlinked': {
      const { [fact.account]: _gone, ...outlets } = stock.outlets;
      return decide({ ...stock, outlets }, place, sign, debounce);
    }
    case 'rule.set': {
      const outlet = stock.outlets[fact.account];
      if (!outlet) return { stock };
      return decide({ ...stock, outlets: { ...stock.outlets, [fact.account]: { ...outlet, rule: fact.rule } } }, place, sign, debounce);
    }
    case 'write.answered':
      return { stock: answered(stock, fact, place) };
    case 'observed':
      return { stock: fact.verdict === 'drift' ? drifted(stock, fact, place, sign) : proven(stock, fact.account, fact.version, fact.quantity, place, 'read') };
    case 'timer.due':
      return { stock };
  }
}

function answered(stock: Stock, fact: Extract<SkuFact, { type: 'write.answered' }>, place: Place): Stock {
  const outlet = stock.outlets[fact.account];
  if (!outlet?.intent || outlet.intent.signature !== fact.signature) return stock;
  if (fact.outcome === 'applied') return proven(stock, fact.account, outlet.intent.version, fact.quantity, place, 'write');
  const answer = {
    signature: fact.signature,
    outcome: fact.outcome,
    at: place.at,
    ...(fact.code !== undefined && { code: fact.code }),
    ...(fact.message !== undefined && { message: fact.message }),
  };
  return { ...stock, outlets: { ...stock.outlets, [fact.account]: { ...outlet, answer } } };
}

function proven(stock: Stock, account: string, version: number, quantity: number, place: Place, by: 'write' | 'read'): Stock {
  const outlet = stock.outlets[account];
  if (!outlet?.intent || outlet.intent.version !== version || outlet.intent.quantity !== quantity) return stock;
  const { answer: _answer, ...rest } = outlet;
  return { ...stock, outlets: { ...stock.outlets, [account]: { ...rest, proof: { version, quantity, at: place.at, by } } } };
}

/** A finding about an intent that is no longer the newest is answered by the newer one. */
function drifted(stock: Stock, fact: Extract<SkuFact, { type: 'observed' }>, place: Place, sign: Sign): Stock {
  const intent = stock.outlets[fact.account]?.intent;
  return intent?.version === fact.version ? repair(stock, fact.account, fact.quantity, place, sign) : stock;
}
