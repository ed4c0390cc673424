/**
 * One finding: `open`, `repairing` once its repair was decided, `resolved` by proof alone, or a `task` after too many
 * repairs. Each change that people care about is an alert.
 */
import { assign, setup } from 'xstate';
import type { DriftAlert, Finding, FindingEvent } from './protocol.ts';

export const findingMachine = setup({
  types: { context: {} as Finding, events: {} as FindingEvent },
  actions: {
    publish: (_, _params: { to: string[]; id: string; body: unknown }) => {},
    count: assign(({ context }) => ({ repairs: context.repairs + 1 })),
  },
  guards: { tooMany: ({ context }) => context.repairs >= repairsMax },
}).createMachine({
  id: 'finding',
  context: {} as Finding,
  initial: 'open',
  on: {
    proven: {
      target: '.resolved',
      // Proof of a newer intent than the one that failed: the repair, or whatever overtook it.
      actions: {
        type: 'publish',
        params: ({ context, event }) => alert(context, {
          state: 'resolved', action: 'none', resolvedAt: event.at, proof: { quantity: event.quantity, at: event.at, by: event.by },
        }),
      },
    },
  },
  states: {
    open: {
      on: {
        'repair.decided': {
          target: 'repairing',
          actions: [
            assign(({ event }) => ({ repair: event.signature })),
            { type: 'publish', params: ({ context }) => alert(context, { state: 'repairing', action: 'the repair is written, then read back' }) },
          ],
        },
        'person.asked': {
          target: 'task',
          actions: { type: 'publish', params: ({ context, event }) => alert(context, { state: 'task', action: event.action }) },
        },
        'repair.asked': [
          {
            guard: 'tooMany',
            target: 'task',
            actions: { type: 'publish', params: ({ context }) => alert(context, { state: 'task', action: `look who else writes ${context.sku} at ${context.account}; ${context.repairs} repairs did not hold` }) },
          },
          { actions: ['count', { type: 'publish', params: ({ context }) => alert(context, { state: 'open', action: 'write the intended quantity again and read it back' }) }] },
        ],
      },
    },
    repairing: {
      on: { 'observed.again': { target: 'open', actions: assign(({ event }) => ({ version: event.version, observed: event.observed })) } },
    },
    task: { on: { 'observed.again': { actions: assign(({ event }) => ({ version: event.version, observed: event.observed })) } } },
    resolved: { type: 'final' },
  },
});

/** Repairs of one finding before a person is asked. */
const repairsMax = 3;

function alert(finding: Finding, rest: Omit<DriftAlert, keyof Finding>): { to: string[]; id: string; body: DriftAlert } {
  return {
    to: ['drift', finding.severity, finding.account, finding.sku],
    id: `${finding.id}:${rest.state}:${finding.repairs}`,
    body: { ...finding, ...rest },
  };
}
