/** Sends a command to the owner of a channel account, over NATS. */
import { FailedError, UsageError } from './exit.ts';
import type { NatsConnection } from 'nats';

const withinMs = 60_000;

/** @throws {FailedError} when nobody owns the account, or it refuses; {UsageError} for a name that no account can have */
export async function commandAccount<T extends object>(connection: NatsConnection, account: string, command: string): Promise<T> {
  const { escapeKey } = await import('../../runtime/subjects.ts');
  let token: string;
  try {
    token = escapeKey(account);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const reply = await connection.request(`control.channel.${token}`, command, { timeout: withinMs }).catch((cause: Error) => {
    throw new FailedError(`no node owns the account ${JSON.stringify(account)}: ${cause.message}`, { cause });
  });
  const answer = reply.json<{ ok: true } & T | { ok: false; error: string }>();
  if (!answer.ok) throw new FailedError(`${account}: ${(answer as { error: string }).error}`);
  return answer as T;
}

/** Every account that a node has ever owned. */
export async function everyAccount(connection: NatsConnection): Promise<string[]> {
  const { readAll } = await import('../../runtime/read-all.ts');
  const { streams } = await import('../../runtime/subjects.ts');
  const accounts: string[] = [];
  await readAll(connection, { stream: streams.channelRecords, filter: '$KV.channel.*.state', from: 'last-per-subject' }, message => {
    const { account } = message.json<{ account?: string }>();
    if (account !== undefined) accounts.push(account);
  });
  return accounts.sort();
}
