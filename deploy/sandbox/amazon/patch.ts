/** Checks the body of a patchListingsItem: 400 where it cannot be parsed, issues where Amazon refuses its content. */
import { badRequest } from './answers.ts';
import type { Availability } from './offers.ts';

export interface Issue {
  code: string;
  message: string;
  severity: 'ERROR';
  attributeNames?: string[];
  categories: string[];
}

export interface Change { op: 'merge' | 'replace'; availability: Availability }

const attribute = 'fulfillment_availability';
const invalid = (message: string, name = attribute): Issue =>
  ({ code: '90000900', message, severity: 'ERROR', attributeNames: [name], categories: ['INVALID_ATTRIBUTE'] });
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws {Denied} 400 for a body that is not a `ListingsItemPatchRequest` */
export function checkPatch(body: unknown): { changes: Change[]; issues: Issue[] } {
  if (!isObject(body)) throw badRequest('The body is not a JSON object.');
  if (typeof body['productType'] !== 'string' || body['productType'] === '') throw badRequest('productType is required.');
  const { patches } = body;
  if (!Array.isArray(patches) || patches.length === 0) throw badRequest('patches must hold at least one operation.');
  const changes: Change[] = [];
  const issues: Issue[] = [];
  for (const patch of patches as unknown[]) {
    if (!isObject(patch) || typeof patch['path'] !== 'string') throw badRequest('A patch needs op and path.');
    const { op, path, value } = patch;
    if (op !== 'add' && op !== 'replace' && op !== 'merge' && op !== 'delete') throw badRequest(`op ${JSON.stringify(op)} is not supported.`);
    // amazon.md 5: `value` not an array is a malformed request.
    if (op === 'delete' ? value !== undefined && !Array.isArray(value) : !Array.isArray(value)) throw badRequest('value must be an array of objects.');
    const entries = (value ?? []) as unknown[];
    if (!entries.every(isObject)) throw badRequest('value must be an array of objects.');
    const problem = checkPath(path) ?? (path === `/attributes/${attribute}` ? checkEntries(op, entries, changes) : undefined);
    if (problem) issues.push(problem);
  }
  return { changes, issues };
}

/** amazon.md 2.1: only a top-level attribute, and 90000900 for a camelCase name. */
function checkPath(path: string): Issue | undefined {
  const name = /^\/attributes\/([a-z][a-z0-9_]*)$/.exec(path)?.[1];
  return name === undefined ? invalid('The attributes are invalid.', path.split('/')[2] ?? path) : undefined;
}

function checkEntries(op: string, entries: Record<string, unknown>[], changes: Change[]): Issue | undefined {
  // What Amazon does on removing the whole entry is not in the document; refused so that nobody relies on it.
  if (op === 'delete' || entries.length === 0) return invalid(`'${attribute}' is required.`);
  for (const entry of entries) {
    const { fulfillment_channel_code: selector, quantity, lead_time_to_ship_max_days: days } = entry;
    if (selector === undefined) {
      // amazon.md 2.1: refused without the selector.
      return { code: '99022', message: `The field 'fulfillment_channel_code' does not have enough values. The required minimum is '1'.`, severity: 'ERROR', attributeNames: [attribute], categories: ['MISSING_ATTRIBUTE'] };
    }
    // This seller has neither Amazon's fulfilment nor stock by location.
    if (selector !== 'DEFAULT') return invalid(`'${String(selector)}' is not a fulfillment channel of this seller.`);
    // amazon.md 2.1: handling time cannot be sent without a quantity; and absent is never 0.
    if (quantity === undefined || quantity === null) return invalid(`'quantity' is required but not supplied.`, 'quantity');
    if (!Number.isInteger(quantity) || (quantity as number) < 0) return invalid(`'quantity' must be a whole number of at least 0.`, 'quantity');
    if (days !== undefined && days !== null && !Number.isInteger(days)) return invalid(`'lead_time_to_ship_max_days' must be a whole number.`);
    changes.push({
      op: op === 'merge' ? 'merge' : 'replace',
      availability: { quantity: quantity as number, ...(days !== undefined && { leadTimeToShipMaxDays: days as number | null }) },
    });
  }
  return undefined;
}
