/**
 * The words of a mapping: how one REST marketplace is asked, and what its answers mean. Requests and answers are
 * JSONata expressions (https://docs.jsonata.org), checked and compiled once, when the account is opened.
 */
import jsonata from 'jsonata';
import { z } from 'zod';
import type { AccountSettings } from '../../adapter.ts';
import { verdicts } from './errors.ts';

/** A compiled expression: gives undefined where it finds nothing. */
export type Expression = (input: unknown) => Promise<unknown>;

const expression = z.string().min(1).transform((text, context): Expression => {
  try {
    const compiled = jsonata(text);
    return input => compiled.evaluate(input);
  } catch (error) {
    const { message, position } = error as { message: string; position?: number };
    context.addIssue({ code: 'custom', message: `is no JSONata: ${message} at character ${position ?? 0}` });
    return z.NEVER;
  }
});

const ms = z.number().int().min(0);
const batch = z.number().int().min(1).max(1_000);
const header = z.string().regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header').transform(text => text.toLowerCase());

const auth = z.discriminatedUnion('type', [
  /** A key that does not end. `{name}` in the value stands for a credential. */
  z.strictObject({ type: z.literal('key'), header: header.default('authorization'), value: z.string().min(1) }),
  /** OAuth 2 client credentials (RFC 6749, 4.4): `clientId` and `clientSecret` are the credentials. */
  z.strictObject({ type: z.literal('client-credentials'), path: z.string().startsWith('/'), lifeMs: ms.default(3_600_000) }),
]);

/** `request` gives `{ method?, path, query?, body?, headers? }`; `rows` the answer's list; `row` one entry of it. */
const call = { request: expression, rows: expression, row: expression };

const paging = z.discriminatedUnion('type', [
  /** `next` gives the next page's cursor, in the answer; the request finds it as `cursor`. */
  z.strictObject({ type: z.literal('cursor'), next: expression }),
  /** Pages by number; the request finds it as `page`. `more` gives true, in the answer, while another one follows. */
  z.strictObject({ type: z.literal('page'), first: z.number().int().min(0).default(1), more: expression }),
  /** All in one answer. */
  z.strictObject({ type: z.literal('none') }),
]).prefault({ type: 'none' });

const limit = z.strictObject({ perSecond: z.number().positive(), burst: z.number().positive() });

export const mappingSchema = z.strictObject({
  auth,
  requestIdHeader: header.default('x-request-id'),
  /** True where the written number includes open orders. */
  gross: z.boolean().default(false),
  /** What a write is conditional on, and the request therefore names: `last.quantity` or `last.version`. */
  condition: z.enum(['none', 'quantity', 'version']).default('none'),
  listings: z.strictObject({ ...call, paging }),
  read: z.strictObject({ ...call, batch: batch.default(1) }),
  /** Without `rows` a 2xx says that all entries were taken. */
  write: z.strictObject({ request: expression, rows: expression.optional(), row: expression.optional(), batch: batch.default(1), verifyAfterMs: ms.default(1_000), verifyWithinMs: ms.default(60_000) })
    .refine(({ rows, row }) => (rows === undefined) === (row === undefined), { path: ['row'], message: 'goes with rows' }),
  /** The request finds `since`, ISO time of the last complete poll less the overlap. */
  orders: z.strictObject({ ...call, paging, overlapMs: ms.default(300_000), lagMs: ms.default(60_000), lookbackMs: ms.default(86_400_000) }),
  errors: z.strictObject({
    /** Of the answer's body, e.g. `error.code`. */
    code: expression.optional(),
    message: expression.optional(),
    /** Looked through from the top, before the defaults by status. Patterns are whole matches. */
    table: z.array(z.strictObject({ status: z.number().int().optional(), code: z.string().optional(), verdict: z.enum(verdicts) })
      .refine(({ status, code }) => status !== undefined || code !== undefined, 'wants a status or a code')).default([]),
  }).prefault({}),
  /** Published rates, by the operation that pays. */
  limits: z.strictObject({ write: limit.optional(), read: limit.optional(), orders: limit.optional(), listings: limit.optional() }).default({}),
  /** Headers of answers that tell what is left of the operation's bucket. */
  remainingHeader: header.optional(),
});

export type Mapping = z.output<typeof mappingSchema>;
export type CallSpec = Pick<Mapping['listings'], 'request' | 'rows' | 'row'>;
export type Paging = z.output<typeof paging>;
export type LimitName = keyof Mapping['limits'];

export interface Checked { credentials: Record<string, string>; mapping: Mapping }

const settingsSchema = z.strictObject({ mapping: mappingSchema });

/** @throws {TypeError} naming account, field and value; a credential's value is never shown */
export function checked({ account, settings, credentials }: AccountSettings): Checked {
  const parsed = settingsSchema.safeParse(settings);
  if (!parsed.success) {
    throw new TypeError(parsed.error.issues.map(({ path, message }) => {
      const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], settings);
      return `account ${account}: ${['settings', ...path].join('.')}: ${message}, got ${JSON.stringify(value)}`;
    }).join('; '));
  }
  const { mapping } = parsed.data;
  for (const name of credentialsOf(mapping)) {
    if (!credentials[name]) throw new TypeError(`account ${account}: credentials.${name}: is wanted by settings.mapping.auth, got nothing`);
  }
  return { credentials, mapping };
}

function credentialsOf({ auth: by }: Mapping): string[] {
  return by.type === 'client-credentials' ? ['clientId', 'clientSecret'] : [...by.value.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
}
