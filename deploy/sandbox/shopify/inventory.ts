/** Inventory as the Admin API shows and sets it; source objects for graphql's default resolvers. */
import { createHash, randomUUID } from 'node:crypto';
import { getDirectiveValues, GraphQLError } from 'graphql';
import type { GraphQLDirective, GraphQLResolveInfo } from 'graphql';
import type { SandboxClock } from '../kit/clock.ts';
import { byId, connection } from './connection.ts';
import type { PageArgs } from './connection.ts';
import { locationId } from './shop.ts';
import type { Item, ShopifyShop } from './shop.ts';

export interface InventoryOptions {
  /** False: entries without an error are written although others have one. Not stated by the vendor (shopify.md 2.1). */
  allOrNothing: boolean;
  /** False: a negative quantity is stored. Not confirmed (shopify.md 2.1). */
  refuseNegative: boolean;
  /** True: an entry that had the value already is in `changes` with delta 0. Not confirmed (shopify.md 2.1). */
  unchangedInChanges: boolean;
  /** True: a repeat of a failed attempt is answered with IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED, not with its first result. */
  previousAttemptFailed: boolean;
  /** How long idempotency keys are kept, vendor's ms. 24 h by third parties (shopify.md 5.4). */
  keyLifeMs: number;
  /** Objects after which a list ends. */
  deepest: number;
  instant(at: number): string;
}

interface SetInput {
  name: string;
  reason: string;
  referenceDocumentUri?: string | null;
  quantities: { inventoryItemId: string; locationId: string; quantity: number; changeFromQuantity?: number | null }[];
}
interface UserError { code: string; field: string[] | null; message: string }
interface Change { name: string; delta: number; quantityAfterChange: number; gid: string }
interface Payload { inventoryAdjustmentGroup: unknown; userErrors: UserError[] }

// shopify.md 2.5
const reasons = new Set([
  'correction', 'cycle_count_available', 'damaged', 'movement_created', 'movement_updated', 'movement_received',
  'movement_canceled', 'other', 'promotion', 'quality_control', 'received', 'reservation_created', 'reservation_deleted',
  'reservation_updated', 'restock', 'safety_stock', 'shrinkage',
]);
const quantityMax = 1_000_000_000;
const inputMax = 250;

export class Inventory {
  readonly #shop: ShopifyShop;
  readonly #clock: SandboxClock;
  readonly #options: InventoryOptions;
  readonly #directive: GraphQLDirective;
  readonly #keys = new Map<string, { fingerprint: string; payload: Payload; until: number }>();

  #levelsOf: { state: string; levels: { value: number; id: string; node: () => unknown }[] } | undefined;

  constructor(shop: ShopifyShop, clock: SandboxClock, directive: GraphQLDirective, options: InventoryOptions) {
    this.#shop = shop;
    this.#clock = clock;
    this.#directive = directive;
    this.#options = options;
  }

  item(gid: string): unknown {
    const item = this.#shop.itemsByGid.get(gid);
    return item ? this.#itemSource(item) : null;
  }

  location(gid: string | null | undefined): unknown {
    if (gid !== locationId) return null;
    return {
      __typename: 'Location',
      id: locationId,
      name: 'Warehouse',
      isActive: true,
      inventoryLevels: (args: PageArgs & { query?: string | null }) => this.#levels(args),
    };
  }

  #levels(args: PageArgs & { query?: string | null }): unknown {
    const [, above] = /^inventory_item_id:>(\d+)$/.exec(args.query ?? '') ?? [];
    if (args.query && above === undefined) throw badRequest(`The search ${args.query} is not served here`);
    const stocked = this.#stocked();
    const from = above === undefined ? 0 : stocked.findIndex(({ id }) => byId(id, above) > 0);
    return connection(from < 0 ? [] : stocked.slice(from), args, this.#options.deepest);
  }

  /** The levels of the location by item number, made anew only when the catalogue has changed. */
  #stocked(): { value: number; id: string; node: () => unknown }[] {
    const { items, unstocked } = this.#shop;
    const state = `${items.length} ${[...unstocked].join()}`;
    if (this.#levelsOf?.state !== state) {
      const stocked = items.filter(({ listing }) => !unstocked.has(listing.sku));
      this.#levelsOf = { state, levels: stocked.map(item => ({ value: 0, id: item.number, node: () => this.#level(item) })) };
    }
    return this.#levelsOf.levels;
  }

  #itemSource(item: Item): Record<string, unknown> {
    const { gid, number, listing: { sku, active } } = item;
    return {
      __typename: 'InventoryItem',
      id: gid,
      sku,
      tracked: !this.#shop.untracked.has(sku),
      duplicateSkuCount: 0,
      // shopify.md 3: null where the item is not stocked at that location
      inventoryLevel: (args: { locationId: string }) =>
        args.locationId === locationId && !this.#shop.unstocked.has(sku) ? this.#level(item) : null,
      variants: (args: PageArgs) => connection([{ value: 0, id: number, node: () => ({
        __typename: 'ProductVariant',
        id: `gid://shopify/ProductVariant/${number}`,
        sku,
        inventoryPolicy: 'DENY',
        product: { __typename: 'Product', id: `gid://shopify/Product/${number}`, status: active ? 'ACTIVE' : 'DRAFT' },
      }) }], args),
    };
  }

  #level(item: Item): Record<string, unknown> {
    const { number, listing } = item;
    const id = `gid://shopify/InventoryLevel/${number}?inventory_item_id=${number}`;
    const updatedAt = this.#options.instant(listing.updatedAt);
    return {
      __typename: 'InventoryLevel',
      id,
      isActive: true,
      updatedAt,
      item: () => this.#itemSource(item),
      location: () => this.location(locationId),
      quantities: ({ names }: { names: string[] }) => {
        const available = this.#shop.read(listing.sku)!.quantity;
        const committed = this.#shop.committed(listing.sku);
        // shopify.md 6.1: on_hand = available + committed + the set-aside states, which are 0 here
        const all: Record<string, number> = { available, committed, on_hand: available + committed, reserved: 0, damaged: 0, safety_stock: 0, quality_control: 0, incoming: 0 };
        return names.map(name => {
          if (all[name] === undefined) throw badRequest(`Quantity name ${name} is not valid`);
          return { __typename: 'InventoryQuantity', id: `gid://shopify/InventoryQuantity/${number}?name=${name}`, name, quantity: all[name], updatedAt };
        });
      },
    };
  }

  /** The mutation, with the two rules that the schema cannot show (shopify.md 5.2) and its idempotency (5.4). */
  setQuantities(input: SetInput, info: GraphQLResolveInfo): Payload {
    const key = getDirectiveValues(this.#directive, info.fieldNodes[0]!, info.variableValues)?.['key'] as string | undefined;
    if (key === undefined) throw badRequest('The @idempotent directive is required for this mutation');
    if (key.trim() === '') throw badRequest('The idempotency key cannot be an empty string or whitespace only');
    if (input.quantities.length > inputMax) {
      // shopify.md 2.1: an input array holds at most 250 entries
      throw new GraphQLError(`The input array size of ${input.quantities.length} is greater than the maximum allowed of ${inputMax}.`, { extensions: { code: 'MAX_INPUT_SIZE_EXCEEDED' } });
    }
    if (!input.quantities.every(entry => Object.hasOwn(entry, 'changeFromQuantity'))) {
      throw new GraphQLError('The input must include the argument changeFromQuantity', { extensions: { code: 'INVALID_FIELD_ARGUMENTS' } });
    }
    const fingerprint = createHash('sha256').update(JSON.stringify(input)).digest('hex');
    const known = this.#keys.get(key);
    if (known && known.until > this.#clock.now()) {
      const refused = (code: string, message: string): Payload => ({ inventoryAdjustmentGroup: null, userErrors: [{ code, field: null, message }] });
      if (known.fingerprint !== fingerprint) {
        this.#shop.count('keyMismatch');
        return refused('IDEMPOTENCY_KEY_PARAMETER_MISMATCH', 'The same idempotency key cannot be used with different operation parameters.');
      }
      this.#shop.count('keyRepeat');
      if (known.payload.userErrors.length > 0 && this.#options.previousAttemptFailed) {
        return refused('IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED', 'A previous request with this idempotency key failed. Retry with a new idempotency key.');
      }
      return known.payload;
    }
    const payload = this.#set(input);
    for (const [old, { until }] of this.#keys) {
      if (until > this.#clock.now()) break;
      this.#keys.delete(old);
    }
    this.#keys.set(key, { fingerprint, payload, until: this.#clock.now() + this.#clock.real(this.#options.keyLifeMs) });
    return payload;
  }

  #set(input: SetInput): Payload {
    const { name, reason, referenceDocumentUri, quantities } = input;
    const shared = sharedErrors(input);
    const bad = new Map<number, UserError>();
    const seen = new Set<string>();
    quantities.forEach((entry, i) => {
      const place = `${entry.inventoryItemId} ${entry.locationId}`;
      const error = seen.has(place)
        ? userError('NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR', i, 'inventoryItemId', 'The combination of inventoryItemId and locationId must be unique.')
        : this.#entryError(name, entry, i);
      if (error) bad.set(i, error);
      seen.add(place);
    });
    const userErrors = [...shared, ...bad.values()];
    // shopify.md 2.1 [?]: all or nothing
    if (shared.length > 0 || (this.#options.allOrNothing && bad.size > 0)) return { inventoryAdjustmentGroup: null, userErrors };
    const changes = quantities.flatMap((entry, i) => (bad.has(i) ? [] : this.#apply(name, entry)));
    return { inventoryAdjustmentGroup: changes.length === 0 ? null : this.#group(changes, reason, referenceDocumentUri ?? null), userErrors };
  }

  #entryError(name: string, entry: SetInput['quantities'][number], i: number): UserError | undefined {
    const { quantity, changeFromQuantity } = entry;
    const item = this.#shop.itemsByGid.get(entry.inventoryItemId);
    if (!item) return userError('INVALID_INVENTORY_ITEM', i, 'inventoryItemId', 'The specified inventory item could not be found.');
    const { sku } = item.listing;
    if (entry.locationId !== locationId) return userError('INVALID_LOCATION', i, 'locationId', 'The specified location could not be found.');
    if (this.#shop.bundles.has(sku)) return userError('NON_MUTABLE_INVENTORY_ITEM', i, 'inventoryItemId', 'The specified inventory item is not allowed to be adjusted via API.');
    if (this.#shop.unstocked.has(sku)) return userError('ITEM_NOT_STOCKED_AT_LOCATION', i, 'locationId', 'The specified inventory item is not stocked at the location.');
    if (quantity > quantityMax) return userError('INVALID_QUANTITY_TOO_HIGH', i, 'quantity', "The total quantity can't be higher than 1,000,000,000.");
    if (quantity < -quantityMax) return userError('INVALID_QUANTITY_TOO_LOW', i, 'quantity', "The total quantity can't be lower than -1,000,000,000.");
    if (quantity < 0 && this.#options.refuseNegative) return userError('INVALID_QUANTITY_NEGATIVE', i, 'quantity', "The quantity can't be negative.");
    const stored = item.listing.quantity + (name === 'on_hand' ? this.#shop.committed(sku) : 0);
    if (changeFromQuantity !== null && changeFromQuantity !== stored) {
      return userError('CHANGE_FROM_QUANTITY_STALE', i, 'changeFromQuantity', 'The changeFromQuantity value does not match persisted value.');
    }
    return undefined;
  }

  /** Both states move together: only `committed` lies between them. */
  #apply(name: string, { inventoryItemId: gid, quantity }: SetInput['quantities'][number]): Change[] {
    const { sku, quantity: before } = this.#shop.itemsByGid.get(gid)!.listing;
    const committed = this.#shop.committed(sku);
    const available = name === 'on_hand' ? quantity - committed : quantity;
    const delta = available - before;
    this.#shop.write(sku, available);
    if (delta === 0 && !this.#options.unchangedInChanges) return [];
    return [
      { name: 'available', delta, quantityAfterChange: available, gid },
      { name: 'on_hand', delta, quantityAfterChange: available + committed, gid },
    ];
  }

  #group(changes: Change[], reason: string, referenceDocumentUri: string | null): unknown {
    return {
      __typename: 'InventoryAdjustmentGroup',
      id: `gid://shopify/InventoryAdjustmentGroup/${randomUUID()}`,
      createdAt: this.#options.instant(this.#clock.now()),
      reason,
      referenceDocumentUri,
      changes: (args: { inventoryItemIds?: string[] | null; locationIds?: string[] | null; quantityNames?: string[] | null }) => changes
        .filter(({ name, gid }) => (args.quantityNames?.includes(name) ?? true) && (args.inventoryItemIds?.includes(gid) ?? true) && (args.locationIds?.includes(locationId) ?? true))
        .map(({ gid, ...change }) => ({ ...change, item: () => this.item(gid), location: () => this.location(locationId) })),
    };
  }
}

function sharedErrors({ name, reason, referenceDocumentUri }: SetInput): UserError[] {
  const error = (code: string, field: string, message: string): UserError => ({ code, field: ['input', field], message });
  return [
    ...(name === 'available' || name === 'on_hand' ? [] : [error('INVALID_NAME', 'name', "The quantity name must be either 'available' or 'on_hand'.")]),
    ...(reasons.has(reason) ? [] : [error('INVALID_REASON', 'reason', 'The specified reason is invalid.')]),
    // A URI with scheme and content; a gid with app, entity and id.
    ...(referenceDocumentUri === undefined || referenceDocumentUri === null || /^(?!gid:)[a-z][\w+.-]*:\S+$|^gid:\/\/[^/\s]+\/[^/\s]+\/\S+$/i.test(referenceDocumentUri)
      ? [] : [error('INVALID_REFERENCE_DOCUMENT', 'referenceDocumentUri', 'The specified reference document is invalid.')]),
  ];
}

/** shopify.md 2.1: the number in the path is the entry's index. */
const userError = (code: string, index: number, field: string, message: string): UserError =>
  ({ code, field: ['input', 'quantities', String(index), field], message });

const badRequest = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
