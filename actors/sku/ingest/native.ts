/**
 * Plumb's own source format: one JSON object per fact about one SKU. Other formats are mapped onto the same facts.
 * Missing is never zero: a message without a number is refused, naming field and value.
 */
import { z } from 'zod';
import type { StockFact } from '../protocol.ts';

const name = (max: number) => z.string().min(1).max(max).refine(value => value.isWellFormed(), 'is not well-formed Unicode');
const position = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
/** JSON knows a -0, which is told from 0 in memory and not when stored. */
const units = z.number().int().min(-1_000_000_000).max(1_000_000_000).transform(value => value + 0);
/** Present on every message; what else it holds is kept in the raw journal and not looked at. */
const common = {
  id: name(200),
  sku: name(200),
  /** The source's own sequence for this SKU: 1, 2, 3 ... */
  version: position,
};

export const nativeSchema = z.discriminatedUnion('type', [
  z.object({ ...common, type: z.literal('count'), quantity: units, reserved: units.optional(), imported: z.array(name(400)).optional() }),
  z.object({ ...common, type: z.literal('adjust'), delta: units, reason: z.string().optional() }),
  z.object({ ...common, type: z.literal('reserve'), delta: units }),
]);

/** A source message that cannot be understood; the message names field and value. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
  readonly field: string;
  /** As it came where it is plain, else its beginning as text: it is stored with the dead letter. */
  readonly value: unknown;

  constructor(field: string, value: unknown, reason: string) {
    const shown = beginningOf(value);
    super(`${field === '' ? 'message' : field}: ${reason}, got ${shown}`);
    this.field = field;
    this.value = (typeof value === 'object' && value !== null) || typeof value === 'string' && value.length > shownMax ? shown : value;
  }
}

const shownMax = 120;

function beginningOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  // Infinity, which is how 1e309 reads, would be null.
  if (typeof value === 'number') return String(value);
  let shown: string;
  try {
    shown = JSON.stringify(typeof value === 'string' ? value.slice(0, shownMax + 1) : value);
  } catch {
    return 'something nested too deep to be shown';
  }
  return shown.length > shownMax ? `${shown.slice(0, shownMax)}…` : shown;
}

export interface NativeFact { id: string; sku: string; fact: StockFact }

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

function factOf(source: string, data: z.output<typeof nativeSchema>): StockFact {
  const { version: position } = data;
  switch (data.type) {
    case 'count': {
      const { quantity, reserved, imported } = data;
      return { type: 'stock.counted', source, position, quantity, ...(reserved !== undefined && { reserved }), ...(imported && { imported }) };
    }
    case 'adjust':
      return { type: 'stock.adjusted', source, position, delta: data.delta, ...(data.reason !== undefined && { reason: data.reason }) };
    case 'reserve':
      return { type: 'stock.reserved', source, position, delta: data.delta };
  }
}
