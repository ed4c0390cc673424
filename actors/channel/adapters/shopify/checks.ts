/**
 * What the store must allow (shopify.md 1 "Scopes", gotchas 8 and 9): the app's scopes, and a location whose stock is the
 * merchant's own. Stock at a fulfilment service's location belongs to the service, and levels of an inactive one are hidden.
 */
import type { AccountCheck, Call } from '../../adapter.ts';
import { locationKind, scopesGranted } from './documents.ts';
import type { Graph } from './graph.ts';
import { locationSchema, scopesSchema } from './schemas.ts';
import type { ShopifySettings } from './settings.ts';

/** What each scope is for. */
const wanted = {
  read_inventory: 'quantities are read',
  write_inventory: 'quantities are set',
  read_locations: 'the listings of a location are read',
  read_products: 'whether a product is for sale is read',
  read_orders: 'orders of the last 60 days are read',
};

export async function checkStore(graph: Graph, { locationId }: ShopifySettings, call: Call): Promise<AccountCheck[]> {
  const { data } = await graph.ask(scopesGranted, {}, scopesSchema, call);
  const granted = new Set(data.currentAppInstallation.accessScopes.map(({ handle }) => handle));
  // Who may write a thing may read it.
  const has = (scope: string): boolean => granted.has(scope) || granted.has(scope.replace(/^read_/, 'write_'));
  const scopes = Object.entries(wanted).map(([scope, use]): AccountCheck => (has(scope)
    ? { name: `scope ${scope}`, ok: true, told: 'granted' }
    : { name: `scope ${scope}`, ok: false, told: `not granted, and by it ${use}: add it to the app, and let the store consent again` }));
  // Asked for without the scope, the location would be an error in place of an answer.
  return has('read_locations') ? [...scopes, await checkLocation(graph, locationId, call)] : scopes;
}

async function checkLocation(graph: Graph, locationId: string, call: Call): Promise<AccountCheck> {
  const { data: { location } } = await graph.ask(locationKind, { locationId }, locationSchema, call);
  const name = `location ${locationId}`;
  if (!location) return { name, ok: false, told: 'the store has no such location: settings.locationId' };
  if (location.isFulfillmentService) return { name, ok: false, told: `${location.name} is a fulfilment service's: its stock is the service's own, and a write is refused or overwritten` };
  if (!location.isActive) return { name, ok: false, told: `${location.name} is not active: its levels are hidden until it is` };
  return { name, ok: true, told: `${location.name}, active and the merchant's own` };
}
