/**
 * One step of a machine as data: state and event in, state and effects out. Alone in knowing XState's action names.
 *
 * XState's `transition()` builds an actor per call (20 us); one scope kept per machine makes the same pure step cost
 * 6 us. Timers are `raise(event, { id, delay })` and `cancel(id)`, stored with the record: XState restores none.
 */
import { createActor } from 'xstate';
import type { AnyMachineSnapshot, AnyStateMachine, EventFrom, EventObject, ExecutableActionsFrom } from 'xstate';
import type { Effect } from '../actors/effect.ts';

/** Plain data: what of a machine's snapshot is kept. */
export interface Snapshot<C = unknown> { value: unknown; context: C }

interface Request { type: string; params: any }

export interface Stepper<C> {
  initial(context: C): AnyMachineSnapshot;
  restore(snapshot: Snapshot<C>): AnyMachineSnapshot;
  step(state: AnyMachineSnapshot, event: EventObject, effects: Effect[]): AnyMachineSnapshot;
}

/** Steps `machine`; effects are appended to the array given, in the order asked for. */
export function stepper<C>(machine: AnyStateMachine): Stepper<C> {
  let requests: Request[] = [];
  const self = createActor(machine);
  const scope = {
    self,
    id: self.id,
    sessionId: self.sessionId,
    system: self.system,
    logger: () => {},
    defer: () => {},
    stopChild: () => {},
    emit: () => {},
    actionExecutor: (action: ExecutableActionsFrom<AnyStateMachine>) => { requests.push(action as Request); },
  };
  return {
    initial: context => slim(machine.resolveState({ value: initialValue(machine), context })),
    restore: ({ value, context }) => slim(machine.resolveState({ value: value as never, context })),
    step(state, event, effects) {
      requests = [];
      const after = machine.transition(state, event as EventFrom<AnyStateMachine>, scope as never) as AnyMachineSnapshot;
      for (const request of requests) {
        const effect = toEffect(request);
        if (effect) effects.push(effect);
      }
      return slim(after);
    },
  };
}

/** Each snapshot has a set of tags and two maps of its own: 370 bytes of a hot actor, and nothing in them. */
const noTags: Set<string> = new Set();
const nothing = Object.freeze({});

function slim(state: AnyMachineSnapshot): AnyMachineSnapshot {
  if (state.tags.size === 0) state.tags = noTags;
  if (isEmpty(state.children)) state.children = nothing;
  if (isEmpty(state.historyValue)) state.historyValue = nothing;
  return state;
}

function isEmpty(map: object): boolean {
  for (const _ in map) return false;
  return true;
}

function initialValue(machine: AnyStateMachine): never {
  return machine.config.initial as never;
}

function toEffect({ type, params }: Request): Effect | undefined {
  switch (type) {
    case 'publish':
      return { kind: 'publish', ...params };
    case 'xstate.cancel':
      return { kind: 'cancel', id: params.sendId };
    case 'xstate.raise':
      // An undelayed raise was already consumed inside this step.
      return params.delay === undefined ? undefined : { kind: 'schedule', id: params.id, delayMs: params.delay, event: params.event };
    default:
      throw new TypeError(`machine asked for ${type}, which cannot be stored as data`);
  }
}
