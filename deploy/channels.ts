/** Which adapter speaks to which channel, and what each declares of itself. A further channel is one more line in each. */
import type { AccountSettings, AdapterFactory, TokenStore } from '../actors/channel/adapter.ts';
import { createAmazon } from '../actors/channel/adapters/amazon/adapter.ts';
import { amazonHooks } from '../actors/channel/adapters/amazon/hooks.ts';
import { amazonProfile } from '../actors/channel/adapters/amazon/profile.ts';
import { amazonCredentials, amazonSettings } from '../actors/channel/adapters/amazon/settings.ts';
import { createEbay } from '../actors/channel/adapters/ebay/adapter.ts';
import { ebayHooks } from '../actors/channel/adapters/ebay/hooks.ts';
import { ebayProfile } from '../actors/channel/adapters/ebay/profile.ts';
import { ebayCredentials, ebaySettings } from '../actors/channel/adapters/ebay/settings.ts';
import { createGenericRest } from '../actors/channel/adapters/generic-rest/adapter.ts';
import { genericRestProfile } from '../actors/channel/adapters/generic-rest/profile.ts';
import { createMercadoLibre } from '../actors/channel/adapters/mercadolibre/adapter.ts';
import { mercadolibreHooks } from '../actors/channel/adapters/mercadolibre/hooks.ts';
import { mercadolibreProfile } from '../actors/channel/adapters/mercadolibre/profile.ts';
import { mercadolibreCredentials, mercadolibreSettings } from '../actors/channel/adapters/mercadolibre/settings.ts';
import { createShopify } from '../actors/channel/adapters/shopify/adapter.ts';
import { shopifyHooks } from '../actors/channel/adapters/shopify/hooks.ts';
import { shopifyProfile } from '../actors/channel/adapters/shopify/profile.ts';
import { shopifyCredentials, shopifySettings } from '../actors/channel/adapters/shopify/settings.ts';
import { createWalmart } from '../actors/channel/adapters/walmart/adapter.ts';
import { walmartHooks } from '../actors/channel/adapters/walmart/hooks.ts';
import { walmartProfile } from '../actors/channel/adapters/walmart/profile.ts';
import { walmartCredentials, walmartSettings } from '../actors/channel/adapters/walmart/settings.ts';
import type { z } from 'zod';
import type { ChannelHooks } from '../actors/channel/hook.ts';
import type { ChannelProfile } from '../actors/channel/profile.ts';
import { tokenFiles, tokenMemory } from './token-file.ts';

export const adapters: Readonly<Record<string, AdapterFactory>> = {
  amazon: createAmazon,
  walmart: createWalmart,
  shopify: createShopify,
  mercadolibre: createMercadoLibre,
  ebay: createEbay,
  'generic-rest': createGenericRest,
};

export const profiles: Readonly<Record<string, ChannelProfile>> = {
  amazon: amazonProfile,
  walmart: walmartProfile,
  shopify: shopifyProfile,
  mercadolibre: mercadolibreProfile,
  ebay: ebayProfile,
  'generic-rest': genericRestProfile,
};

/** What an account of each channel is configured with; of `generic-rest` its mapping decides. */
export const channelSettings: Readonly<Record<string, { credentials: z.ZodType; settings: z.ZodType }>> = {
  amazon: { credentials: amazonCredentials, settings: amazonSettings },
  walmart: { credentials: walmartCredentials, settings: walmartSettings },
  shopify: { credentials: shopifyCredentials, settings: shopifySettings },
  mercadolibre: { credentials: mercadolibreCredentials, settings: mercadolibreSettings },
  ebay: { credentials: ebayCredentials, settings: ebaySettings },
};

/** How each channel's own notifications are checked and read; a channel without any has none. */
export const channelHooks: Readonly<Record<string, ChannelHooks>> = {
  amazon: amazonHooks,
  walmart: walmartHooks,
  shopify: shopifyHooks,
  mercadolibre: mercadolibreHooks,
  ebay: ebayHooks,
};

/** True where the account's refresh token changes with each use: its store must outlive the process. */
export function rotates({ token }: ChannelProfile, settings: Readonly<Record<string, unknown>>): boolean {
  const { rotatesWhen } = token;
  return rotatesWhen !== undefined && Object.entries(rotatesWhen).every(([name, value]) => settings[name] === value);
}

/**
 * Where an account's tokens are kept. In memory only where a restart costs nothing but a refresh.
 *
 * @param dir `secretsDir` of the configuration
 * @throws {TypeError} when the refresh token rotates and there is no folder: the first restart would lose the grant
 */
export function tokenStoreFor(dir: string | undefined, { account, channel, settings }: Pick<AccountSettings, 'account' | 'channel' | 'settings'>): TokenStore {
  if (dir !== undefined) return tokenFiles(dir);
  const profile = profiles[channel];
  if (profile && rotates(profile, settings)) {
    throw new TypeError(`account ${account}: ${profile.title} gives a new refresh token with each refresh, so secretsDir must name a folder to keep it in`);
  }
  return tokenMemory();
}
