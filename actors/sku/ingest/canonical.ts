/**
 * Canonical events: what any source, whatever its format, is understood to say about one SKU. Checked here on the way
 * in; what passes is a fact for the SKU's journal.
 */
import { z } from 'zod';
import type { KitFact, OrderFact, ShipAsked, StockFact } from '../protocol.ts';
import { MalformedError } from './refusal.ts';
import { unitsMax } from './units.ts';

const control = /\p{Cc}/u;

/** Text kept code point for code point: composed and decomposed forms, cases and inner spaces stay apart. */
const name = (max: number): z.ZodString => z.string('is no text').min(1, 'is empty').max(max, `is longer than ${max} characters`)
  .refine(value => value.isWellFormed(), 'is not well-formed Unicode')
  .refine(value => !control.test(value), 'holds a control character')
  .refine(value => value.trim() !== '', 'is nothing but spaces');

const whole = (min: number): z.ZodType<number> => z.number('is no number').int('is no whole number').min(min, `is less than ${min}`).max(unitsMax, `is more than ${unitsMax}`);
/** JSON knows a -0, which is told from 0 in memory and not when stored. */
const signed = whole(-unitsMax).transform(value => value + 0);
const epochMs = z.number('is no number').int('is no whole number of milliseconds').min(0).max(8_640_000_000_000_000);

const part = z.union([z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).transform(value => value + 0), z.string().max(200).refine(value => value.isWellFormed())]);
const position = z.union([
  z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  z.array(part, 'is no position').min(1).max(8),
], 'is no position: a whole number from 0, or a list of up to 8 whole numbers and texts');

/** `<account>/<order>/<line>`, with `#cancelled` where the cancellation is meant. */
const line = name(400);
const stated = { source: name(200), position, location: name(100).optional() };
const sold = { account: name(100), line, units: whole(0) };

export const sourceFactSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('stock.counted'), ...stated, quantity: signed, reserved: whole(0).optional(),
    imported: z.array(line).max(100_000).optional(), importedThrough: epochMs.optional(), countedAt: epochMs.optional(),
  }),
  z.strictObject({ type: z.literal('stock.adjusted'), ...stated, delta: signed, reason: z.string().max(500).optional() }),
  z.strictObject({ type: z.literal('stock.reserved'), ...stated, delta: signed }),
  z.strictObject({ type: z.literal('kit.defined'), source: name(200), position, parts: z.record(name(200), whole(1)) }),
  z.strictObject({ type: z.literal('order.placed'), ...sold, createdAt: epochMs }),
  z.strictObject({ type: z.literal('order.cancelled'), ...sold }),
  z.strictObject({ type: z.literal('order.shipped'), ...sold }),
  z.strictObject({ type: z.literal('order.returned'), ...sold }),
]);

export const eventSchema = z.strictObject({
  /** The source's own name for what it said: first link of the chain of causes. */
  id: name(200),
  sku: name(200),
  fact: sourceFactSchema,
});

export type SourceFact = StockFact | KitFact | OrderFact | ShipAsked;

/** One thing said about one SKU. */
export interface CanonicalEvent { id: string; sku: string; fact: SourceFact }

/** The source said that something changed, and not to what: it must be asked. Never a fact. */
export interface Ask {
  /** What the question is about: the SKU where it is known, else the source's own name for it. */
  key: string;
  sku?: string;
  location?: string;
}

/**
 * @param expressionOf the mapping's words behind a field
 * @throws {MalformedError} naming field and value
 */
export function canonical(event: { id: unknown; sku: unknown; fact: Record<string, unknown> }, expressionOf: (field: string) => string | undefined = () => undefined): CanonicalEvent {
  const parsed = eventSchema.safeParse(event);
  if (parsed.success) return parsed.data as CanonicalEvent;
  const issue = parsed.error.issues[0]!;
  const path = issue.path[0] === 'fact' ? issue.path.slice(1) : issue.path;
  // A key that is wrong itself (of a kit's part) is the value.
  const value = issue.code === 'invalid_key' ? issue.path.at(-1) : issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], event);
  const field = path.join('.');
  const reason = value === undefined ? 'is missing, and missing is never zero' : reasonOf(issue);
  throw new MalformedError(field, value, reason, { expression: path[0] === undefined ? undefined : expressionOf(String(path[0])) });
}

/** The deepest reason: zod tells of a key or a union first that it is wrong, then why. */
function reasonOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_key' ? reasonOf(issue.issues[0]!) : issue.message;
}
