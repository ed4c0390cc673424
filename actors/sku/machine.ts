/**
 * One SKU: `unknown` until counted, `suspended` (raises withheld) while its source has a gap, `debouncing` while a
 * raise waits for quiet, `writing` until every channel is proven, then `settled`. States and wiring only.
 */
import { assign, cancel, enqueueActions, raise, setup } from 'xstate';
import { lookup, without } from '../own-keys.ts';
import { decide, repair } from './debounce.ts';
import type { Debounce, Decision, Sign } from './debounce.ts';
import { applyOrder, movedBy } from './lines.ts';
import type { Outlet, Place, SkuEvent, SkuFact, SourcePolicy, Stock, StockFact } from './protocol.ts';
import { emptyStock } from './protocol.ts';
import { defaultRetention, putAway } from './retention.ts';
import type { Retention } from './retention.ts';
import { applySource, hasGap, isForeign } from './stock.ts';

export interface SkuPorts {
  sign: Sign;
  debounce: Debounce;
  /** A gap in a source older than this becomes a task. */
  gapMs: number;
  /** By source; one that is not named promises nothing. */
  sources?: Readonly<Record<string, SourcePolicy>>;
  retention?: Retention;
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
      waiting: ({ context }) => context.waitingSince !== null,
      unproven: ({ context }) => Object.values(context.outlets).some(o => o.intent && o.proof?.version !== o.intent.version),
    },
  }).createMachine({
    id: 'sku',
    context: emptyStock(''),
    initial: 'unknown',
    on: {
      fact: {
        target: '.deciding',
        actions: enqueueActions(({ context, event: { fact, place }, enqueue }) => {
          const decision = learn(context, fact, place, ports);
          const { stock } = decision;
          enqueue(assign(stock));
          if (isStockFact(fact) && isForeign(context, fact)) enqueue({ type: 'publish', params: foreign(context, fact, place) });
          // Each gap has its own time: one that was filled up to the next counts no longer.
          if (stock.held.length === 0) {
            if (context.held.length > 0) enqueue(cancel('gap'));
          } else if (context.held.length === 0 || stock.position !== context.position) {
            enqueue(raise({ type: 'gap.due', place }, { id: 'gap', delay: ports.gapMs }));
          }
          if (decision.wakeAfterMs !== undefined) enqueue(raise({ type: 'flush.due', place }, { id: 'flush', delay: decision.wakeAfterMs }));
          if (decision.rest === true) enqueue(cancel('flush'));
        }),
      },
      'flush.due': {
        target: '.deciding',
        actions: assign(({ context, event }) => decide(context, event.place, ports.sign, ports.debounce, { flush: true }).stock),
      },
      'gap.due': { actions: { type: 'publish', params: ({ context, event }) => gapTask(context, event.place, ports) } },
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

/** Folds one fact in and decides what follows from it. */
function learn(before: Stock, fact: SkuFact, place: Place, { sign, debounce, sources, retention = defaultRetention }: SkuPorts): Decision {
  const stock = putAway(before, place.at, retention);
  switch (fact.type) {
    case 'stock.counted':
    case 'stock.adjusted':
    case 'stock.reserved':
      if (isForeign(stock, fact)) return { stock };
      return decide(applySource(stock, fact, sources?.[fact.source] ?? {}, place), place, sign, debounce);
    case 'order.placed':
    case 'order.cancelled':
    case 'order.shipped': {
      const after = applyOrder(stock, fact);
      const version = lookup(stock.outlets, fact.account)?.intent?.version ?? 0;
      return decide(after, place, sign, debounce, { own: { account: fact.account, units: movedBy(stock, after, fact, version) } });
    }
    case 'listing.linked':
      return decide(withOutlet(stock, fact.account, linked(lookup(stock.outlets, fact.account), fact)), place, sign, debounce);
    case 'listing.unlinked':
      return decide({ ...stock, outlets: without(stock.outlets, fact.account) }, place, sign, debounce);
    case 'rule.set': {
      const outlet = lookup(stock.outlets, fact.account);
      return outlet ? decide(withOutlet(stock, fact.account, { ...outlet, rule: fact.rule }), place, sign, debounce) : { stock };
    }
    case 'write.answered':
      return { stock: answered(stock, fact, place) };
    case 'observed':
      return { stock: fact.verdict === 'drift' ? drifted(stock, fact, place, sign) : proven(stock, fact.account, fact.version, fact.quantity, place, 'read') };
    case 'timer.due':
      return { stock };
    default:
      throw new TypeError(`no SKU knows a fact of type ${JSON.stringify((fact as { type: unknown }).type)}`);
  }
}

function withOutlet(stock: Stock, account: string, outlet: Outlet): Stock {
  return { ...stock, outlets: { ...stock.outlets, [account]: outlet } };
}

/** A listing linked as it is changes nothing; another one, or one that refused what was intended, begins anew. */
function linked(before: Outlet | undefined, { listing, gross, rule, shown }: Extract<SkuFact, { type: 'listing.linked' }>): Outlet {
  const same = before?.intent !== undefined && before.listing.id === listing.id && before.answer?.outcome !== 'refused';
  return same ? { ...before, listing, gross, rule } : { listing, gross, rule, ...(shown !== undefined && { shown }) };
}

function answered(stock: Stock, fact: Extract<SkuFact, { type: 'write.answered' }>, place: Place): Stock {
  const outlet = lookup(stock.outlets, fact.account);
  if (!outlet?.intent || outlet.intent.signature !== fact.signature) return stock;
  if (fact.outcome === 'applied') return proven(stock, fact.account, outlet.intent.version, fact.quantity, place, 'write');
  const answer = {
    signature: fact.signature,
    outcome: fact.outcome,
    at: place.at,
    ...(fact.until !== undefined && { until: fact.until }),
    ...(fact.code !== undefined && { code: fact.code }),
    ...(fact.message !== undefined && { message: fact.message }),
  };
  return withOutlet(stock, fact.account, { ...outlet, answer });
}

function proven(stock: Stock, account: string, version: number, quantity: number, place: Place, by: 'write' | 'read'): Stock {
  const outlet = lookup(stock.outlets, account);
  if (!outlet?.intent || outlet.intent.version !== version || outlet.intent.quantity !== quantity) return stock;
  const { answer: _answer, ...rest } = outlet;
  return withOutlet(stock, account, { ...rest, proof: { version, quantity, at: place.at, by } });
}

/** A finding about an intent that is no longer the newest is answered by the newer one. */
function drifted(stock: Stock, { account, version, quantity }: Extract<SkuFact, { type: 'observed' }>, place: Place, sign: Sign): Stock {
  const outlet = lookup(stock.outlets, account);
  const { intent } = outlet ?? {};
  return outlet && intent?.version === version ? repair(stock, account, { ...outlet, intent }, quantity, place, sign) : stock;
}

function isStockFact(fact: SkuFact): fact is StockFact {
  return fact.type.startsWith('stock.');
}

function gapTask(stock: Stock, { at }: Place, { sources }: SkuPorts): { to: string[]; id: string; body: unknown } {
  const { sku, position, held } = stock;
  const source = stock.source ?? held[0]?.source ?? 'unknown';
  const uncounted = stock.onHand === undefined && !sources?.[source]?.inOrder;
  return {
    to: ['dead', 'gap', source, sku],
    id: `gap:${sku}:${position}`,
    body: {
      class: 'gap',
      sku,
      source,
      message: uncounted
        ? `${sku} was never counted; ${held.length} changes wait for its first count`
        : `position ${position + 1} of ${sku} never came; ${held.length} later changes wait behind it`,
      heals: uncounted ? 'a count' : sources?.[source]?.inOrder ? 'the missing event' : 'the missing event, or a count with a higher position',
      at,
    },
  };
}

function foreign({ sku, source }: Stock, fact: StockFact, { at }: Place): { to: string[]; id: string; body: unknown } {
  return {
    to: ['dead', 'source', fact.source, sku],
    id: `source:${sku}:${fact.source}:${fact.position}`,
    body: {
      class: 'source',
      sku,
      source: fact.source,
      message: `${fact.source} spoke of ${sku}, which belongs to ${source}: positions of two sources cannot be compared`,
      heals: `one source for ${sku}`,
      fact,
      at,
    },
  };
}
