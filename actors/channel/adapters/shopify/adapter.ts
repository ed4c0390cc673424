/** Shopify, GraphQL Admin API: one store, one location; writes `available` by compare-and-swap (shopify.md 2.1, 2.6). */
import type { AdapterFactory } from '../../adapter.ts';
import { shopifyTokens } from './auth.ts';
import { checkStore } from './checks.ts';
import { levelsPerPage, ordersPerPage, points } from './documents.ts';
import { graphOf } from './graph.ts';
import { Keys } from './keys.ts';
import { orders } from './orders.ts';
import { listings, read } from './read.ts';
import { checked } from './settings.ts';
import { write } from './write.ts';

/** @throws {Error} when credentials or settings are wrong, naming field and value */
export const createShopify: AdapterFactory = (account, ports) => {
  const { settings, credentials } = checked(account);
  const { timeScale } = ports;
  const tokens = shopifyTokens(account, settings, credentials, ports);
  const graph = graphOf({ origin: account.baseUrl, version: settings.version, tokens, now: ports.now, timeScale });
  const keys = new Keys();
  const { costs, writeBatch, readBatch } = settings;
  const operation = (cost: number, batch: number): { limit: string; cost: number; batch: number } => ({ limit: 'points', cost, batch });

  const within = (what: string, count: number, most: number): void => {
    if (count > most) throw new RangeError(`Shopify ${what} takes ${most} entries in one call, got ${count}`);
  };
  return {
    channel: 'shopify',
    gross: false,
    needsReading: true,
    operations: {
      write: operation(costs.write ?? points.write, writeBatch),
      read: { ...operation(costs.read ?? points.read(readBatch), readBatch), each: (costs.read ?? points.read(readBatch)) / readBatch },
      orders: operation(costs.orders ?? points.orders, ordersPerPage),
      listings: operation(costs.listings ?? points.listings, levelsPerPage),
    },
    checks: { operation: operation(points.checks, 1), ask: call => checkStore(graph, settings, call) },
    async write(entries, call) {
      within('write', entries.length, writeBatch);
      return write(entries, call, { graph, keys, settings, timeScale });
    },
    async read(asked, call) {
      within('read', asked.length, readBatch);
      return read(asked, call, graph, settings);
    },
    orders: (cursor, call) => orders(cursor, call, { graph, settings, now: ports.now, timeScale }),
    listings: (cursor, call) => listings(cursor, call, graph, settings),
    tokenExpiresAt: () => tokens.expiresAt,
  };
};
