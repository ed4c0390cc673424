/** What a mapping's expressions must give: one shape each for a listing, an entry's result and an order line. */
import { z } from 'zod';
import type { OrderLine, Reading } from '../../adapter.ts';
import { AmbiguousError, RetryableError, TerminalError } from '../../../errors.ts';
import type { Answer } from '../http.ts';
import type { CallSpec, Paging } from './mapping.ts';

const units = z.number().int().min(0);
const text = z.union([z.string().min(1), z.number().transform(String)]);
/** Epoch ms or an ISO time. */
const time = z.union([z.number(), z.string().transform((value, context) => {
  const at = Date.parse(value);
  if (!Number.isNaN(at)) return at;
  context.addIssue({ code: 'custom', message: `is no time: ${JSON.stringify(value)}` });
  return z.NEVER;
})]);

/** A listing with its live quantity: missing is never zero, so a row without `quantity` is refused. */
export const listingRow = z.strictObject({
  id: text,
  sku: text,
  quantity: units,
  /** Where it differs from `quantity`: gross channels. */
  buyable: units.optional(),
  version: text.optional(),
  /** Units ever sold, where the marketplace counts them. */
  sold: units.optional(),
  active: z.boolean().default(true),
  reason: z.string().optional(),
  /** Further ids that a write must carry. */
  fields: z.record(z.string(), text).default({}),
}).transform(({ id, sku, fields, quantity, buyable, version, sold, active, reason }): Reading => ({
  listing: { id, sku, fields },
  quantity,
  buyable: active ? buyable ?? quantity : 0,
  active,
  ...(version !== undefined && { version }),
  ...(sold !== undefined && { sold }),
  ...(reason !== undefined && { reason }),
}));

/** What became of one entry of a write. With `quantity` an accepted one is proven. */
export const resultRow = z.strictObject({
  id: text,
  ok: z.boolean(),
  status: z.number().int().optional(),
  code: text.optional(),
  message: z.string().optional(),
  quantity: units.optional(),
  version: text.optional(),
});
export type ResultRow = z.output<typeof resultRow>;

export const orderRow = z.strictObject({
  orderId: text,
  line: text,
  /** The SKU or listing id it was sold under. */
  sku: text,
  units,
  cancelled: units.default(0),
  shipped: units.default(0),
  createdAt: time,
}).transform(({ orderId, line, ...rest }): OrderLine => ({ id: `${orderId}/${line}`, orderId, ...rest }));

/**
 * An answer's rows, each in its shape.
 *
 * @throws {RetryableError} for a body that is no JSON: it comes from an edge and may pass
 * @throws {TerminalError} naming row, field and value; ambiguous where a write was answered
 */
export async function rowsOf<T>({ rows, row }: Pick<CallSpec, 'rows' | 'row'>, shape: z.ZodType<T>, { json, status, text: body }: Answer, what: string, writing = false): Promise<T[]> {
  const refuse = (message: string): Error => {
    const told = `${what}: ${status} ${message}`;
    if (writing) return new AmbiguousError(told, { status, code: 'shape' });
    return json === undefined ? new RetryableError(told, { status, code: 'shape' }) : new TerminalError(told, { status, code: 'shape' });
  };
  if (json === undefined) throw refuse(`without JSON: ${body.slice(0, 200)}`);
  const list = await rows(json);
  // JSONata makes one value of a list of one; an answer without the list is another thing than an empty list.
  if (list === undefined) throw refuse('without the list that the mapping looks for');
  const parsed: T[] = [];
  for (const [n, raw] of [list].flat().entries()) {
    const result = shape.safeParse(await row(raw));
    if (!result.success) throw refuse(`row ${n + 1}: ${result.error.issues.map(({ path, message }) => `${path.join('.') || 'row'}: ${message}`).join('; ')}, in ${JSON.stringify(raw).slice(0, 200)}`);
    parsed.push(result.data);
  }
  return parsed;
}

/** Where the next page begins, in the form that `pageInput` takes; undefined at the end. */
export async function nextPage(paging: Paging, at: string | undefined, { json }: Answer): Promise<string | undefined> {
  switch (paging.type) {
    case 'none': return undefined;
    case 'page': return (await paging.more(json)) === true ? String(Number(at ?? paging.first) + 1) : undefined;
    case 'cursor': {
      const next = await paging.next(json);
      return typeof next === 'string' && next !== '' ? next : typeof next === 'number' ? String(next) : undefined;
    }
  }
}

/** What a request finds of the page that is wanted. */
export function pageInput(paging: Paging, at: string | undefined): { page?: number; cursor?: string } {
  if (paging.type === 'page') return { page: Number(at ?? paging.first) };
  return paging.type === 'cursor' && at !== undefined ? { cursor: at } : {};
}
