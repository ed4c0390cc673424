/** `inventorySetQuantities`: compare-and-swap, all or nothing, once per idempotency key. */
import { createHash, randomUUID } from 'node:crypto';
import { getDirectiveValues, GraphQLError } from 'graphql';
import type { GraphQLDirective, GraphQLResolveInfo } from 'graphql';
import { badRequest, refuseLongInput } from './inventory.ts';
import type { Inventory } from './inventory.ts';
import { locationId } from './shop.ts';
import type { ShopifyShop } from './shop.ts';

export interface WriteOptions {
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
  instant(at: number): string;
}

export interface SetInput {
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
/** A URI with scheme and content; a gid with app, entity and id. */
const documentUri = /^(?!gid:)[a-z][\w+.-]*:\S+$|^gid:\/\/[^/\s]+\/[^/\s]+\/\S+$/i;
const quantityMax = 1_000_000_000;

export class QuantityWrites {
  readonly #shop: ShopifyShop;
  readonly #inventory: Inventory;
  readonly #options: WriteOptions;
  readonly #directive: GraphQLDirective;
  readonly #keys = new Map<string, { fingerprint: string; payload: Payload; until: number }>();

  constructor(shop: ShopifyShop, inventory: Inventory, directive: GraphQLDirective, options: WriteOptions) {
    this.#shop = shop;
    this.#inventory = inventory;
    this.#directive = directive;
    this.#options = options;
  }

  /** The mutation, with the two rules that the schema cannot show (shopify.md 5.2) and its idempotency (5.4). */
  set(input: SetInput, info: GraphQLResolveInfo): Payload {
    const key = getDirectiveValues(this.#directive, info.fieldNodes[0]!, info.variableValues)?.['key'] as string | undefined;
    if (key === undefined) throw badRequest('The @idempotent directive is required for this mutation');
    if (key.trim() === '') throw badRequest('The idempotency key cannot be an empty string or whitespace only');
    refuseLongInput(input.quantities);
    if (!input.quantities.every(entry => Object.hasOwn(entry, 'changeFromQuantity'))) {
      throw new GraphQLError('The input must include the argument changeFromQuantity', { extensions: { code: 'INVALID_FIELD_ARGUMENTS' } });
    }
    const fingerprint = createHash('sha256').update(JSON.stringify(input)).digest('hex');
    const known = this.#keys.get(key);
    if (known && known.until > this.#shop.clock.now()) {
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
    const payload = this.#run(input);
    for (const [old, { until }] of this.#keys) {
      if (until > this.#shop.clock.now()) break;
      this.#keys.delete(old);
    }
    this.#keys.set(key, { fingerprint, payload, until: this.#shop.clock.now() + this.#shop.clock.real(this.#options.keyLifeMs) });
    return payload;
  }

  #run(input: SetInput): Payload {
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
    if (changeFromQuantity !== null && changeFromQuantity !== stored && !this.#shop.faults.hit('ignore-condition', 'write')) {
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
      createdAt: this.#options.instant(this.#shop.clock.now()),
      reason,
      referenceDocumentUri,
      changes: ({ inventoryItemIds, locationIds, quantityNames }: Record<string, string[] | null | undefined>) => changes
        .filter(({ name, gid }) => (quantityNames?.includes(name) ?? true)
          && (inventoryItemIds?.includes(gid) ?? true) && (locationIds?.includes(locationId) ?? true))
        .map(({ gid, ...change }) => ({ ...change, item: () => this.#inventory.item(gid), location: () => this.#inventory.location(locationId) })),
    };
  }
}

function sharedErrors({ name, reason, referenceDocumentUri }: SetInput): UserError[] {
  const error = (code: string, field: string, message: string): UserError => ({ code, field: ['input', field], message });
  return [
    ...(name === 'available' || name === 'on_hand' ? [] : [error('INVALID_NAME', 'name', "The quantity name must be either 'available' or 'on_hand'.")]),
    ...(reasons.has(reason) ? [] : [error('INVALID_REASON', 'reason', 'The specified reason is invalid.')]),
    ...(referenceDocumentUri === undefined || referenceDocumentUri === null || documentUri.test(referenceDocumentUri)
      ? [] : [error('INVALID_REFERENCE_DOCUMENT', 'referenceDocumentUri', 'The specified reference document is invalid.')]),
  ];
}

/** shopify.md 2.1: the number in the path is the entry's index. */
const userError = (code: string, index: number, field: string, message: string): UserError =>
  ({ code, field: ['input', 'quantities', String(index), field], message });
