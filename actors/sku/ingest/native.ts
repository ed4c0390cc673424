/**
 * Plumb's own source format: one JSON object per fact about one SKU. Other formats are mapped onto the same facts.
 * Missing is never zero: a message without a number is refused, naming field and value.
 */
import { z } from 'zod';
import type { KitFact, OrderFact, ShipAsked, StockFact } from '../protocol.ts';
import { MalformedError } from './refusal.ts';

export { MalformedError };

const name = (max: number) => z.string().min(1).max(max).refine(value => value.isWellFormed(), 'is not well-formed Unicode');
/** The source's own sequence for this SKU and location: 1, 2, 3 ...; where its order is monotone, a list of numbers and texts too. */
const version = z.union([
  z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  z.array(z.union([z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).transform(value => value + 0), name(200)])).min(1).max(8),
], 'is no version: a whole number from 1, or a list of whole numbers and texts');
/** JSON knows a -0, which is told from 0 in memory and not when stored. */
const units = z.number().int().min(-1_000_000_000).max(1_000_000_000).transform(value => value + 0);
const sold = z.number().int().min(0).max(1_000_000_000);
const epochMs = z.number().int().min(0).max(8_640_000_000_000_000);
/** Present on every message; what else it holds is kept in the raw journal and not looked at. */
const common = { id: name(200), sku: name(200) };
const stated = { ...common, version, location: name(100).optional() };
const lined = { ...common, account: name(100), line: name(400), units: sold };

export const nativeSchema = z.discriminatedUnion('type', [
  z.object({
    ...stated, type: z.literal('count'), quantity: units, reserved: units.optional(),
    imported: z.array(name(400)).optional(), importedThrough: epochMs.optional(), countedAt: epochMs.optional(),
  }),
  z.object({ ...stated, type: z.literal('adjust'), delta: units, reason: z.string().optional() }),
  z.object({ ...stated, type: z.literal('reserve'), delta: units }),
  z.object({ ...common, version, type: z.literal('kit'), parts: z.record(name(200), z.number().int().min(1).max(1_000_000_000)) }),
  z.object({ ...lined, type: z.literal('placed'), createdAt: epochMs }),
  z.object({ ...lined, type: z.literal('cancelled') }),
  z.object({ ...lined, type: z.literal('shipped') }),
  z.object({ ...lined, type: z.literal('returned') }),
  z.object({ ...common, type: z.literal('ship'), line: name(400) }),
]);

export interface NativeFact { id: string; sku: string; fact: StockFact | KitFact | OrderFact | ShipAsked }

/**
 * @param text the raw message
 * @throws {MalformedError}
 */
export function parseNative(source: string, text: string): NativeFact {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new MalformedError('', text, `is not JSON (${(error as Error).message})`);
  }
  const parsed = nativeSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], json);
    throw new MalformedError(issue.path.join('.'), value, issue.message);
  }
  const { data } = parsed;
  const { id, sku } = data;
  return { id, sku, fact: factOf(source, data) };
}

function factOf(source: string, data: z.output<typeof nativeSchema>): NativeFact['fact'] {
  switch (data.type) {
    case 'count': {
      const { version: position, location, quantity, reserved, imported, importedThrough, countedAt } = data;
      return {
        type: 'stock.counted', source, position, ...(location !== undefined && { location }), quantity, ...(reserved !== undefined && { reserved }),
        ...(imported && { imported }), ...(importedThrough !== undefined && { importedThrough }), ...(countedAt !== undefined && { countedAt }),
      };
    }
    case 'adjust': {
      const { version: position, location, delta, reason } = data;
      return { type: 'stock.adjusted', source, position, ...(location !== undefined && { location }), delta, ...(reason !== undefined && { reason }) };
    }
    case 'reserve': {
      const { version: position, location, delta } = data;
      return { type: 'stock.reserved', source, position, ...(location !== undefined && { location }), delta };
    }
    case 'kit':
      return { type: 'kit.defined', source, position: data.version, parts: data.parts };
    case 'placed': {
      const { account, line, units, createdAt } = data;
      return { type: 'order.placed', account, line, units, createdAt };
    }
    case 'ship':
      return { type: 'ship.asked', line: data.line };
    case 'cancelled': case 'shipped': case 'returned': {
      const { account, line, units } = data;
      return { type: `order.${data.type}`, account, line, units };
    }
  }
}
