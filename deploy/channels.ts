/** Which adapter speaks to which channel. A sixth channel is one more line. */
import type { AdapterFactory } from '../actors/channel/adapter.ts';
import { createAmazon } from '../actors/channel/adapters/amazon/adapter.ts';
import { createEbay } from '../actors/channel/adapters/ebay/adapter.ts';
import { createMercadoLibre } from '../actors/channel/adapters/mercadolibre/adapter.ts';
import { createShopify } from '../actors/channel/adapters/shopify/adapter.ts';
import { createWalmart } from '../actors/channel/adapters/walmart/adapter.ts';

export const adapters: Readonly<Record<string, AdapterFactory>> = {
  amazon: createAmazon,
  walmart: createWalmart,
  shopify: createShopify,
  mercadolibre: createMercadoLibre,
  ebay: createEbay,
};
