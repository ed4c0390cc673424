/**
 * One SKU: `unknown` until counted, `suspended` (raises withheld) while its source has a gap, `debouncing` while a
 * raise waits for quiet, `writing` until every channel is proven, then `settled`. States and wiring only.
 */
import { cancel, raise, setup } from 'xstate';
import type { Debounce, Sign } from './debounce.ts';
import type { ExposureSettings } from './exposure/record.ts';
import type { AddressOf } from './kit.ts';
import { hasGap } from './lots.ts';
import { outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { emptyStock } from './protocol.ts';
import type { Message, SkuEvent, SourcePolicy, Stock } from './protocol.ts';
import type { Retention } from './retention.ts';
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

/** An event at work. */
interface Step { context: Stock; event: SkuEvent; outcome?: Outcome; to?: StateName; error?: unknown }

/** @param ports pure functions and settings; the machine itself performs nothing */
export function createSkuMachine(ports: SkuPorts) {
  let step: Step | undefined;
  /** Every transition asks where the event leads, and the one that is taken what it makes: worked out once. */
  const work = (context: Stock, event: SkuEvent): Step => {
    if (step?.context === context && step.event === event) return step;
    step = { context, event };
    try {
      step.outcome = outcomeOf(context, event, ports);
      step.to = stateOf(step.outcome.stock);
    } catch (error) {
      step.error = error;
    }
    return step;
  };
  const sku = setup({
    types: { context: {} as Stock, events: {} as SkuEvent },
    actions: { publish: (_, _params: Message) => {} },
    guards: { leadsTo: ({ context, event }, name: StateName) => (work(context, event).to ?? name) === name },
  });
  const ask = sku.enqueueActions(({ context, event, enqueue }) => {
    const { outcome, error } = work(context, event);
    // Not by a guard, of which XState would tell in words of its own.
    if (!outcome) throw error;
    for (const each of outcome.asks) {
      if ('say' in each) enqueue({ type: 'publish', params: each.say });
      else if (each.afterMs === undefined) enqueue(cancel(each.timer));
      else enqueue(raise(each.event, { id: each.timer, delay: each.afterMs }));
    }
  });
  const become = sku.assign(({ context, event }) => replacing(context, work(context, event).outcome!.stock));
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
