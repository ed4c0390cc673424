/**
 * Notifications from a queue, for channels that send none over HTTP (Amazon). A message is removed when its gist is
 * journaled; one that cannot be read is told to people and stays, until the queue's own dead-letter queue takes it.
 */
import type { Logger } from 'pino';
import type { ChannelHooks, HookContext } from '../../../actors/channel/hook.ts';
import type { AccountJournal } from '../../../runtime/account/journal.ts';
import type { HookIntake } from './intake.ts';

export interface QueueMessage {
  /** The queue's own; the same in every delivery of it. */
  id: string;
  body: string;
  /** Names this delivery to `remove`. */
  receipt: string;
}

/**
 * What a queue such as SQS promises, and no more: each message comes at least once, in any order, and comes again when it
 * was not removed within the time for which a delivery hides it.
 */
export interface NotificationQueue {
  /** Waits for messages, up to ten, and gives none when there are none for a while. Rejects when aborted. */
  receive(signal: AbortSignal): Promise<QueueMessage[]>;
  /** A receipt that is too old removes nothing. */
  remove(receipt: string): Promise<void>;
  close(): void;
}

export interface QueuePorts {
  queue: NotificationQueue;
  hooks: ChannelHooks;
  context: HookContext;
  intake: HookIntake;
  journal: Pick<AccountJournal, 'dead' | 'healed'>;
  log: Logger;
  /** Between two tries of a queue that does not answer. */
  pause(signal: AbortSignal): Promise<void>;
}

/** Failures in a row after which people are told. */
const failuresMax = 3;
/** Messages that cannot be read come again and again; so many are known to be told. */
const toldMax = 1_000;

/** Reads the queue until aborted. */
export async function drainQueue({ queue, hooks, context, intake, journal, log, pause }: QueuePorts, signal: AbortSignal): Promise<void> {
  const { account } = context.account;
  const told = new Set<string>();
  let failures = 0;
  let isWell = false;

  const take = async ({ id, body, receipt }: QueueMessage): Promise<void> => {
    const notice = hooks.read({ headers: {}, body: Buffer.from(body) }, context);
    if ('refused' in notice) {
      if (told.has(id)) return;
      if (told.size >= toldMax) told.clear();
      told.add(id);
      log.warn({ account, message: id, reason: notice.refused }, 'notification in the queue cannot be read, left there');
      return journal.dead({ class: 'notification', sku: 'message', code: id, message: `message ${id} in the queue of ${account} cannot be read and is left there: ${notice.refused}`, heals: 'a person who looks at it in the queue, or in the queue that takes its dead letters' });
    }
    await intake.take(account, notice);
    await queue.remove(receipt);
  };

  while (!signal.aborted) {
    try {
      const messages = await queue.receive(signal);
      const [failed] = (await Promise.allSettled(messages.map(take))).filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      if (failed) throw failed.reason;
      if (!isWell) journal.healed('notification', 'queue', 'a queue that answered');
      isWell = true;
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      const { name, message } = error as Error;
      log.warn({ err: error, account }, 'queue of notifications failed, trying again');
      failures += 1;
      isWell = false;
      if (failures === failuresMax) journal.dead({ class: 'notification', sku: 'queue', code: name, message: `the queue of ${account} does not answer: ${name}: ${message}`, heals: 'a queue that answers; polls and sweeps go on at their own pace' });
      await pause(signal);
    }
  }
}
