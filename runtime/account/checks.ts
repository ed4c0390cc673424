/** Whether the account allows what Plumb needs, as far as the channel tells: asked at each import, and people are told of what it does not. */
import type { AccountCheck } from '../../actors/channel/adapter.ts';
import type { Desk } from './ports.ts';

/** @returns what the account does not allow; a channel that could not be asked says nothing. @throws what `pay` throws */
export async function checkAccount({ ports: { account, adapter, log }, journal, call }: Desk, pay: () => Promise<void>): Promise<AccountCheck[]> {
  const { checks } = adapter;
  if (!checks) return [];
  await pay();
  let found: AccountCheck[];
  try {
    found = await call(checks.operation.limit, [], told => checks.ask(told));
  } catch (error) {
    log.warn({ err: error, account }, 'what the account allows could not be asked');
    return [];
  }
  for (const { name, ok, told } of found) {
    if (ok) journal.healed('setting', name, 'a look at the account');
    else journal.dead({ class: 'setting', sku: name, code: 'refused', message: `${account}: ${name}: ${told}`, heals: `the account's settings at the channel, and then an import of ${account}` });
  }
  return found.filter(({ ok }) => !ok);
}
