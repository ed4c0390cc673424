/**
 * The health of one channel account: `serving`; `resting` after too many failures in a row, then `trying` with one
 * call; `unauthorised` when the grant is dead, looking again now and then; `frozen` by a person until a person resumes
 * it, whatever the grant does meanwhile. Jobs wait, none is lost. What may be called in which state is told by tags.
 */
import { assign, cancel, raise, setup } from 'xstate';
import type { ChannelEvent, ChannelHealth } from './protocol.ts';

export interface ChannelTimes {
  /** Failures in a row that open the breaker. */
  failuresMax: number;
  restMs: number;
  /** How often a dead grant is looked at again. */
  probeMs: number;
}

export type ChannelMachine = ReturnType<typeof createChannelMachine>;

/** Tags: `write` and `read` may be called; `one` only one call at a time. */
export function createChannelMachine(account: string, { failuresMax, restMs, probeMs }: ChannelTimes) {
  return setup({
    types: { context: {} as ChannelHealth, events: {} as ChannelEvent, tags: {} as 'write' | 'read' | 'one' },
    actions: {
      publish: (_, _params: { to: string[]; id: string; body: unknown }) => {},
      blame: assign(({ context, event }) => ({ failures: context.failures + 1, reason: 'reason' in event ? event.reason : 'unknown' })),
      clear: assign({ failures: 0, reason: undefined as never, unauthorised: undefined as never }),
      thaw: assign({ frozen: undefined as never }),
    },
    guards: {
      tooMany: ({ context }) => context.failures + 1 >= failuresMax,
      frozen: ({ context }) => context.frozen !== undefined,
      // Of most calls there is nothing to tell.
      blamed: ({ context: { failures, reason, unauthorised } }) => failures > 0 || reason !== undefined || unauthorised !== undefined,
    },
  }).createMachine({
    id: 'channel',
    context: { failures: 0 },
    initial: 'serving',
    on: {
      freeze: { target: '.frozen', actions: [cancel('rest'), assign(({ event }) => ({ frozen: event.reason }))] },
      'auth.failed': [
        // Looked at again and still dead: the task stands already.
        { guard: ({ context }) => context.unauthorised === true, target: '.unauthorised' },
        {
          target: '.unauthorised',
          actions: [
            'blame',
            assign({ unauthorised: true }),
            {
              type: 'publish',
              params: ({ event }) => ({
                to: ['dead', 'auth', account, account],
                id: `auth:${account}:${event.at}`,
                body: { class: 'auth', account, message: event.reason, heals: `a valid grant for ${account}; its jobs wait until then`, at: event.at },
              }),
            },
          ],
        },
      ],
    },
    states: {
      serving: {
        tags: ['write', 'read'],
        entry: 'clear',
        on: {
          'call.succeeded': { guard: 'blamed', actions: 'clear' },
          'call.failed': [{ guard: 'tooMany', target: 'resting', actions: 'blame' }, { actions: 'blame' }],
        },
      },
      resting: {
        entry: raise({ type: 'rest.over' }, { id: 'rest', delay: restMs }),
        on: { 'rest.over': 'trying' },
      },
      trying: {
        tags: ['write', 'read', 'one'],
        on: { 'call.succeeded': 'serving', 'call.failed': { target: 'resting', actions: 'blame' } },
      },
      unauthorised: {
        entry: raise({ type: 'rest.over' }, { id: 'rest', delay: probeMs }),
        on: {
          'rest.over': [{ guard: 'frozen', target: 'frozen' }, { target: 'trying' }],
          // Calls that were under way fail too: told once.
          'auth.failed': {},
          freeze: { actions: assign(({ event }) => ({ frozen: event.reason })) },
          resume: { actions: 'thaw' },
        },
      },
      frozen: {
        tags: ['read'],
        entry: assign(({ context }) => ({ reason: context.frozen ?? 'frozen' })),
        on: {
          resume: { target: 'serving', actions: 'thaw' },
          // Reading proves that the grant lives.
          'call.succeeded': { actions: assign({ failures: 0, unauthorised: undefined as never }) },
        },
      },
    },
  });
}
