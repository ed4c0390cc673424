/**
 * One SKU: `unknown` until counted, `suspended` (raises withheld) while its source has a gap, `debouncing` while a
 * raise waits for quiet, `writing` until every channel is proven, then `settled`. States and wiring only.
 */
import { cancel, raise, setup } from 'xstate';
import type { Effect } from '../effect.ts';
import { hasGap } from './lots.ts';
import { outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { SkuPorts } from './ports.ts';
import { emptyStock } from './protocol.ts';
import type { SkuEvent, Stock } from './protocol.ts';
import { known } from './stock.ts';

export type SkuMachine = ReturnType<typeof createSkuMachine>;

/** What an event makes of a stock and where that leads; or why nobody can tell. */
type Heard = { outcome: Outcome; to: StateName } | { error: unknown };

/** @param ports pure functions and settings; the machine itself performs nothing */
export function createSkuMachine(ports: SkuPorts) {
  let last: { context: Stock; event: SkuEvent; heard: Heard } | undefined;
  /** Every transition asks where the event leads, and the one that is taken what it makes: worked out once. */
  const hear = (context: Stock, event: SkuEvent): Heard => {
    if (last?.context !== context || last.event !== event) last = { context, event, heard: heardOf(context, event, ports) };
    return last.heard;
  };
  const made = (context: Stock, event: SkuEvent): Outcome => {
    const heard = hear(context, event);
    // Not by a guard, of which XState would tell in words of its own.
    if ('error' in heard) throw heard.error;
    return heard.outcome;
  };
  const sku = setup({
    types: { context: {} as Stock, events: {} as SkuEvent },
    actions: { publish: (_, _params: Effect & { kind: 'publish' }) => {} },
    guards: {
      leadsTo: ({ context, event }, name: StateName) => {
        const heard = hear(context, event);
        return 'error' in heard || heard.to === name;
      },
    },
  });
  const ask = sku.enqueueActions(({ context, event, enqueue }) => {
    for (const effect of made(context, event).effects) {
      if (effect.kind === 'cancel') enqueue(cancel(effect.id));
      else if (effect.kind === 'schedule') enqueue(raise(effect.event as SkuEvent, { id: effect.id, delay: effect.delayMs }));
      else enqueue({ type: 'publish', params: effect });
    }
  });
  const become = sku.assign(({ context, event }) => replacing(context, made(context, event).stock));
  /** Whatever is heard leads on to what the context says then; a state that stays is neither left nor entered. */
  const hearing = (here: StateName) => {
    const leadingTo = (params: StateName) => ({ guard: { type: 'leadsTo' as const, params }, actions: [ask, become] });
    const moves = [leadingTo(here), ...names.filter(name => name !== here).map(target => ({ ...leadingTo(target), target }))];
    return { on: { 'facts': moves, 'flush.due': moves, 'open.due': moves, 'exposure.due': moves, 'gap.due': moves } };
  };
  return sku.createMachine({
    id: 'sku',
    context: emptyStock(''),
    initial: 'unknown',
    states: {
      unknown: hearing('unknown'),
      suspended: hearing('suspended'),
      debouncing: hearing('debouncing'),
      writing: hearing('writing'),
      settled: hearing('settled'),
    },
  });
}

function heardOf(stock: Stock, event: SkuEvent, ports: SkuPorts): Heard {
  try {
    const outcome = outcomeOf(stock, event, ports);
    return { outcome, to: stateOf(outcome.stock) };
  } catch (error) {
    return { error };
  }
}

const names = ['unknown', 'suspended', 'debouncing', 'writing', 'settled'] as const;
type StateName = typeof names[number];

/** The state is what the context says. */
function stateOf(stock: Stock): StateName {
  if (known(stock) === undefined) return 'unknown';
  if (hasGap(stock)) return 'suspended';
  if (stock.waitingSince !== null) return 'debouncing';
  return Object.values(stock.outlets).some(o => o.intent && o.proof?.version !== o.intent.version) ? 'writing' : 'settled';
}

/** Assigning keeps what is not named: what is gone must be. */
function replacing(before: Stock, after: Stock): Stock {
  let next: Record<string, unknown> | undefined;
  for (const key in before) if (!(key in after)) (next ??= { ...after })[key] = undefined;
  return (next ?? after) as Stock;
}
