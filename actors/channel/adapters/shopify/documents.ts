/**
 * The GraphQL documents of the adapter and what they cost at most: scalar 0, object 1, mutation 10, connection 2 and
 * its `first` times a node, other lists nothing (shopify.md 4; the last two as stores show them). One query may cost
 * 1,000 points.
 */

export interface Document {
  /** The operation's name, for messages. */
  name: string;
  mutation: boolean;
  text: string;
}

export const ordersPerPage = 50;
/** Lines that come with their order; an order with more has the rest fetched page by page. */
export const linesPerOrder = 15;
export const linesPerPage = 250;
export const levelsPerPage = 100;

/** Item, level, and variants with one variant and its product. */
const itemPoints = 6;

export const points = {
  write: 11,
  read: (ids: number): number => ids * itemPoints,
  listings: 1 + 2 + levelsPerPage * itemPoints,
  orders: 2 + ordersPerPage * (1 + 2 + linesPerOrder),
  /** Both documents of a look at the store: an object each. */
  checks: 2,
};

export const setQuantities: Document = {
  name: 'inventorySetQuantities',
  mutation: true,
  text: `mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup {
      id
      changes(quantityNames: ["available"]) { name delta quantityAfterChange item { id } location { id } }
    }
    userErrors { code field message }
  }
}`,
};

/** Whether the offer can be bought at all is told by its product's status. */
const itemFields = 'id sku tracked variants(first: 1) { nodes { product { status } } pageInfo { hasNextPage } }';
const quantityFields = 'quantities(names: ["available", "on_hand", "committed"]) { name quantity }';

export const readLevels: Document = {
  name: 'nodes',
  mutation: false,
  text: `query Levels($ids: [ID!]!, $locationId: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem { ${itemFields} inventoryLevel(locationId: $locationId) { ${quantityFields} } }
  }
}`,
};

export const listLevels: Document = {
  name: 'inventoryLevels',
  mutation: false,
  text: `query Listings($locationId: ID!, $query: String, $after: String) {
  location(id: $locationId) {
    inventoryLevels(first: ${levelsPerPage}, query: $query, after: $after) {
      nodes { item { ${itemFields} } ${quantityFields} }
      pageInfo { hasNextPage endCursor }
    }
  }
}`,
};

const lineFields = 'nodes { id sku quantity currentQuantity unfulfilledQuantity } pageInfo { hasNextPage endCursor }';

export const listOrders: Document = {
  name: 'orders',
  mutation: false,
  text: `query Orders($query: String!, $after: String) {
  orders(first: ${ordersPerPage}, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id createdAt updatedAt lineItems(first: ${linesPerOrder}) { ${lineFields} } }
    pageInfo { hasNextPage endCursor }
  }
}`,
};

export const listLines: Document = {
  name: 'order',
  mutation: false,
  text: `query Lines($id: ID!, $after: String!) {
  order(id: $id) { lineItems(first: ${linesPerPage}, after: $after) { ${lineFields} } }
}`,
};

/** Asks for nothing that a scope would be wanted for. */
export const scopesGranted: Document = {
  name: 'currentAppInstallation',
  mutation: false,
  text: 'query Scopes { currentAppInstallation { accessScopes { handle } } }',
};

export const locationKind: Document = {
  name: 'location',
  mutation: false,
  text: 'query Location($locationId: ID!) { location(id: $locationId) { name isActive isFulfillmentService } }',
};
