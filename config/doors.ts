/** Schema of `doors`: the ways raw source messages come in besides NATS. Wired by deploy/doors/; told in docs/doors.md. */
import { z } from 'zod';
import { secret as isSecret } from './secret.ts';

const ms = z.number().int().min(0);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case letters, digits and dashes');
/** Empty where `${NAME}` was set and empty: a door that everybody can open. */
const secret = z.string().min(8, 'must have 8 characters at least').meta(isSecret);
const header = z.string().regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header').transform(text => text.toLowerCase());

const hmac = z.strictObject({
  type: z.literal('hmac').describe('Each message is signed.'),
  header: header.describe('Where the sender puts the signature.'),
  prefix: z.string().default('').describe('Text before it, e.g. `sha256=`.'),
  encoding: z.enum(['hex', 'base64']).default('hex').describe('How the signature is written.'),
  algorithm: z.enum(['sha256', 'sha1', 'sha512']).default('sha256').describe('Its digest.'),
  secrets: z.array(secret).min(1).describe('Any of them signs, so that a new one can be brought in before the old one ends.'),
  signs: z.string().default('{body}').refine(text => text.split('{body}').length === 2, 'must name {body} once').describe('What is signed. `{body}` is the raw body, `{timestamp}` the header named below.'),
  timestamp: z.strictObject({
    header: header.describe('Where the sender puts the time.'),
    unit: z.enum(['s', 'ms', 'iso']).default('s').describe('How it is written: since 1970, or as ISO 8601.'),
    toleranceMs: ms.default(300_000).describe('How far it may be from this machine\'s time.'),
  }).optional().describe('Refuses a message signed too long ago, or too far ahead: a replay.'),
}).refine(({ signs, timestamp }) => signs.includes('{timestamp}') === (timestamp !== undefined), {
  path: ['signs'],
  message: 'must name {timestamp} exactly where a timestamp is configured: one that is not signed can be replaced',
});

const bearer = z.strictObject({
  type: z.literal('bearer').describe('Each request carries a token.'),
  tokens: z.array(secret.regex(/^\S+$/, 'must hold no spaces').meta(isSecret)).min(1).describe('Any of them opens.'),
});

const httpSourceSchema = z.strictObject({
  source: name.describe('The source that the messages belong to.'),
  auth: z.discriminatedUnion('type', [hmac, bearer]).describe('How senders prove who they are.'),
  contentTypes: z.array(z.string().regex(/^[^\s;/]+\/[^\s;/]+$/, 'must be a type such as application/json').transform(text => text.toLowerCase())).min(1).default(['application/json']).describe('Types that the source sends; others are refused.'),
  maxBytes: z.number().int().min(1).max(64 * 1024 * 1024).default(1024 * 1024).describe('Bytes of one body. Never more than the broker takes.'),
  idHeader: header.optional().describe('The sender\'s own id of a message; without it the body\'s digest names it.'),
});

const httpSchema = z.strictObject({
  host: z.string().default('127.0.0.1').describe('The address to listen on. Put TLS in front of it.'),
  port: z.number().int().min(0).max(65_535).describe('0 takes a free one.'),
  maxOpen: z.number().int().min(1).default(200).describe('Requests worked on at the same time, per node; more are asked to come back.'),
  sources: z.array(httpSourceSchema).default([]).refine(sources => new Set(sources.map(({ source }) => source)).size === sources.length, 'must name each source once').describe('Who may send what.'),
});

const tableSchema = z.strictObject({
  table: z.string().regex(/^[^."]+\.[^."]+$/, 'must be schema.table').describe('`schema.table`, as PostgreSQL names them, without quotes.'),
  key: z.string().min(1).optional().describe('The column that holds the SKU: rows are read again by it when a SKU\'s owner asks.'),
  snapshot: z.boolean().default(true).describe('False: rows that are there already are not told, only what changes. For tables of movements.'),
});

/** `source` and slot stand for each other: a slot's changes go to one source. */
const postgresSchema = z.strictObject({
  source: name.describe('The source that the changes belong to.'),
  url: z.string().refine(url => /^postgres(ql)?:\/\/[^/]+\/./.test(url) && URL.canParse(url), 'must be postgres://user:password@host:port/database, special characters of the password written as %..').meta(isSecret).describe('Where the database is, with role and password.'),
  slot: z.string().regex(/^[a-z0-9_]{1,63}$/, 'must be lower case letters, digits and _').default('plumb').describe('Its replication slot, made where it is missing.'),
  publication: z.string().regex(/^[a-z0-9_]{1,63}$/, 'must be lower case letters, digits and _').default('plumb').describe('Its publication, made or extended where the role may.'),
  tables: z.array(tableSchema).min(1).refine(tables => new Set(tables.map(({ table }) => table)).size === tables.length, 'must name each table once').describe('What is read.'),
  recreateSlot: z.boolean().default(false).describe('Makes a slot that was lost again, and reads every row again, without being asked.'),
});

export const doorsSchema = z.strictObject({
  http: httpSchema.optional().describe('Webhooks, `POST /ingest/<source>`.'),
  postgres: z.array(postgresSchema).default([])
    .refine(doors => new Set(doors.map(({ source }) => source)).size === doors.length, 'must name each source once')
    .refine(doors => new Set(doors.map(({ url, slot }) => `${URL.canParse(url) ? new URL(url).host : url}/${slot}`)).size === doors.length, 'must not share a slot: give each its own `slot`')
    .describe('PostgreSQL databases, by logical replication.'),
}).prefault({});

export type HttpDoor = z.output<typeof httpSchema>;
export type HttpSource = z.output<typeof httpSourceSchema>;
export type HmacAuth = z.output<typeof hmac>;
export type PostgresDoor = z.output<typeof postgresSchema>;
