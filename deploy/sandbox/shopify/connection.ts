/** Paging as Shopify does it: `first` up to 250, cursors that name the place after an element, 25,000 objects deep. */
import { GraphQLError } from 'graphql';

export interface PageArgs { first?: number | null; after?: string | null }

export interface Connection<T> {
  nodes: T[];
  edges: { cursor: string; node: T }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

/** A place in a list: by value, then by id, so that elements that move meanwhile are met again and none is lost. */
interface Place { last_value: number; last_id: string; depth: number }

/** @param sorted elements with their sort value and their id, ascending by both */
export function connection<T>(
  sorted: readonly { value: number; id: string; node: () => T }[], { first, after }: PageArgs, deepest = 25_000,
): Connection<T> {
  if (first === undefined || first === null) throw refused('you must provide one of first or last');
  // shopify.md 3: page 250
  if (first < 1 || first > 250) throw refused(`first must be from 1 to 250, got ${first}`);
  const from = after === undefined || after === null ? undefined : placeOf(after);
  const begin = from ? firstAfter(sorted, from) : 0;
  const depth = from?.depth ?? 0;
  // shopify.md 3: at most 25,000 objects deep
  if (depth + first > deepest) throw refused(`pagination is limited to ${deepest} objects`);
  const edges = sorted.slice(begin, begin + first).map(({ value, id, node }, i) => ({
    cursor: cursorOf({ last_value: value, last_id: id, depth: depth + i + 1 }),
    node: node(),
  }));
  return {
    nodes: edges.map(edge => edge.node),
    edges,
    pageInfo: {
      hasNextPage: begin + edges.length < sorted.length,
      hasPreviousPage: begin > 0,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

function firstAfter(sorted: readonly { value: number; id: string }[], { last_value, last_id }: Place): number {
  const index = sorted.findIndex(({ value, id }) => value > last_value || (value === last_value && byId(id, last_id) > 0));
  return index < 0 ? sorted.length : index;
}

/** Ids are numbers too large for JavaScript; all of one kind are about equally long. */
export const byId = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

const cursorOf = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64');

function placeOf(cursor: string): Place {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64').toString()) as Place;
    if (typeof place.last_value === 'number' && typeof place.last_id === 'string') return place;
  } catch { /* Refused below. */ }
  throw refused(`Invalid cursor for current pagination sort: ${cursor}`);
}

const refused = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
