/** The hooks of a configuration: which accounts take notifications, and what they are checked by. */
import type { AccountSettings } from '../../../actors/channel/adapter.ts';
import { EbayKeys } from '../../../actors/channel/adapters/ebay/keys.ts';
import type { ChannelHooks, HookContext } from '../../../actors/channel/hook.ts';
import { ConfigError } from '../../../config/file.ts';
import type { Config } from '../../../config/config.ts';
import type { QueueSettings } from '../../../config/hooks.ts';
import { channelHooks } from '../../channels.ts';

/** How one account's notifications come; `queue` where they come by one. */
export interface Hooked { hooks: ChannelHooks; context: HookContext; queue?: QueueSettings }

/** @throws {ConfigError} naming what of `hooks.accounts` cannot be */
export function hookedAccounts({ hooks, accounts }: Pick<Config, 'hooks'> & { accounts: readonly AccountSettings[] }, now: () => number): Map<string, Hooked> {
  const hooked = new Map<string, Hooked>();
  for (const [name, settings] of Object.entries(hooks?.accounts ?? {})) {
    const account = accounts.find(each => each.account === name);
    if (!account) throw new ConfigError(`hooks.accounts.${name}: is none of the accounts (${accounts.map(each => each.account).join(', ') || 'none is configured'})`);
    const found = channelHooks[account.channel];
    if (!found) throw new ConfigError(`hooks.accounts.${name}: channel ${account.channel} sends no notifications that Plumb knows`);
    if (found.by === 'queue' && settings.queue === undefined) throw new ConfigError(`hooks.accounts.${name}.queue: is wanted, for channel ${account.channel} signs nothing and sends by a queue`);
    if (found.by === 'http' && settings.queue !== undefined) throw new ConfigError(`hooks.accounts.${name}.queue: channel ${account.channel} sends over HTTP`);
    if (found.by === 'http' && hooks!.port === undefined) throw new ConfigError(`hooks.port: is wanted, for channel ${account.channel} of ${name} sends over HTTP`);
    for (const want of found.wants) {
      if (settings[want] === undefined) throw new ConfigError(`hooks.accounts.${name}.${want}: is wanted by channel ${account.channel}, got nothing`);
    }
    if (settings.method !== undefined && settings.method !== 'HMAC') {
      for (const want of ['user', 'password'] as const) if (settings[want] === undefined) throw new ConfigError(`hooks.accounts.${name}.${want}: is wanted for method ${settings.method}, got nothing`);
    }
    const { queue, ...checks } = settings;
    hooked.set(name, { hooks: found, ...(queue && { queue }), context: { account, settings: checks, ...keysOf(account, now) } });
  }
  return hooked;
}

/** Those that a door over HTTP takes: what is not signed comes by a queue alone. */
export function overHttp(hooked: ReadonlyMap<string, Hooked>): Map<string, Hooked> {
  return new Map([...hooked].filter(([, { hooks }]) => hooks.by === 'http'));
}

function keysOf(account: AccountSettings, now: () => number): Pick<HookContext, 'keyOf'> {
  if (account.channel !== 'ebay') return {};
  const keys = new EbayKeys(account, now);
  return { keyOf: id => keys.keyOf(id) };
}
