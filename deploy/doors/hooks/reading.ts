/** Reads an account's queue for as long as this node owns the account. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ChannelHooks, HookContext } from '../../../actors/channel/hook.ts';
import { AccountJournal } from '../../../runtime/account/journal.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import type { HookIntake } from './intake.ts';
import { drainQueue } from './queue.ts';
import type { NotificationQueue } from './queue.ts';

/** Between two tries of a queue that failed, ms. */
const defaultPauseMs = 5_000;

export interface QueueReading { stop(): Promise<void> }

export function readQueue({ queue, hooks, context, intake, publisher, node, log, pauseMs = defaultPauseMs }: { queue: NotificationQueue; hooks: ChannelHooks; context: HookContext; intake: HookIntake; publisher: Publisher; node: string; log: Logger; pauseMs?: number }): QueueReading {
  const over = new AbortController();
  const journal = new AccountJournal({ account: context.account.account, node, publisher, log });
  const pause = (signal: AbortSignal): Promise<void> => wait(pauseMs, undefined, { signal }).catch(() => undefined);
  const reading = drainQueue({ queue, hooks, context, intake, journal, log, pause }, over.signal);
  return {
    async stop() {
      over.abort();
      journal.stop();
      await reading;
      await journal.settled();
      queue.close();
    },
  };
}
