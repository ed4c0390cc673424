/**
 * What a node is configured with: one YAML (or JSON) file, which `file.ts` reads. Every key says what it is; from that
 * come `docs/configuration.md` and the JSON Schema that editors take.
 */
import { z } from 'zod';
import { stageNames } from '../actors/channel/protocol.ts';
import { archiveSchema } from './archive.ts';
import { doorsSchema } from './doors.ts';
import { accountExposureSchema, exposureSchema } from './exposure.ts';
import { hooksSchema } from './hooks.ts';
import { metricsSchema } from './metrics.ts';
import { secret } from './secret.ts';
import { tracesSchema } from './traces.ts';
import { sourceSchema } from './source.ts';

const ms = z.number().int().min(0);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case letters, digits and dashes');

/** Applied in this order; see `Rule` in actors/sku/protocol.ts. */
export const ruleSchema = z.strictObject({
  percent: z.number().int().min(0).max(100).optional().describe('This share of what is available.'),
  buffer: z.number().int().min(0).default(0).describe('So many units are never shown.'),
  max: z.number().int().min(0).optional().describe('No more than this is shown.'),
  fixed: z.number().int().min(0).optional().describe('Show so many while at least so many are available, else what is available.'),
  locations: z.array(z.string()).min(1).optional().describe('Sell from these locations only; \'\' is the unnamed one.'),
  skip: z.boolean().optional().describe('Do not write this channel.'),
}).refine(({ fixed, percent, buffer, max }) => fixed === undefined || (percent === undefined && buffer === 0 && max === undefined), {
  path: ['fixed'], message: 'stands alone: it takes no percent, buffer or max',
});

const accountSchema = z.strictObject({
  account: name.describe('Its name in subjects, records and commands. It stays: everything that is known of the account is kept under it.'),
  channel: name.describe('The adapter that speaks to it: `plumb channel list`.'),
  baseUrl: z.url().describe('Origin of the channel\'s API.'),
  credentials: z.record(z.string(), z.string().meta(secret)).describe('By the channel: the tables below.'),
  settings: z.record(z.string(), z.unknown()).default({}).describe('By the channel: the tables below.'),
  stage: z.enum(stageNames).default('connect').describe('Where it begins: `connect` reads, `shadow` compares, `live` writes. What `plumb shadow` and `plumb golive` decide later stands above it: docs/go-live.md.'),
  rule: ruleSchema.default({ buffer: 0 }).describe('Given to listings when they are imported.'),
  limits: z.record(z.string(), z.strictObject({
    perSecond: z.number().positive().optional().describe('So much comes back each second.'),
    burst: z.number().positive().optional().describe('So much may be spent at once.'),
    perDay: z.number().positive().optional().describe('So much may be spent in a day.'),
  })).default({}).describe('Rates that the channel gives this account, by their name in config/limits, where they are not the published ones.'),
  probe: z.strictObject({
    listing: z.string().min(1).describe('By its id or SKU: one that shows 2 units at least, sells to nobody, and is kept by no source.'),
    everyMs: ms.min(1_000).default(7 * 86_400_000).describe('It is looked at so often.'),
  }).optional().describe('A test listing, on which the account\'s owner looks whether writes are what they are declared to be: docs/exposure.md.'),
  exposure: accountExposureSchema.optional().describe('What the account promises, where it is not as its channel is: docs/exposure.md.'),
});

/** Whichever of the first two is more: a share of the account's listings, or so many. None of the others where they are left out. */
const limitSchema = (share: number, least: number) => z.strictObject({
  share: z.number().min(0).max(1).default(share).describe('A share of the account\'s listings, or `least`, whichever is more.'),
  least: z.number().int().min(0).default(least).describe('So many listings are never too many.'),
  units: z.number().int().min(0).optional().describe('Units by which listings change in all.'),
  value: z.number().min(0).optional().describe('What these units are worth in all, where `prices` tell.'),
});
const moveLimit = (share: number, least: number) => limitSchema(share, least).prefault({});

const governorSchema = z.strictObject({
  windowMs: ms.default(300_000).describe('What moves within so long is counted together.'),
  zero: moveLimit(0.2, 30).describe('Listings that go to zero.'),
  raise: moveLimit(0.6, 100).describe('Listings that rise.'),
  sources: z.record(z.string(), z.strictObject({
    zero: limitSchema(0.2, 30).optional().describe('Listings that go to zero.'),
    raise: limitSchema(0.6, 100).optional().describe('Listings that rise.'),
  })).default({}).describe('And by source, for what its events alone ask for.'),
}).prefault({});

const natsSchema = z.strictObject({
  url: z.string().default('nats://127.0.0.1:4222').describe('One server, or several with commas between.'),
  credentials: z.string().min(1).optional().describe('A file that proves who this node is: `.creds` (JWT and seed), or one with the seed of a user\'s nkey. Read again at each connection.'),
  tls: z.strictObject({
    ca: z.string().min(1).optional().describe('A file with the authority whose certificate the broker must have, where it is not a public one.'),
    cert: z.string().min(1).optional().describe('A file with this node\'s certificate, where the broker asks for one.'),
    key: z.string().min(1).optional().describe('And with its key.'),
  }).refine(({ cert, key }) => (cert === undefined) === (key === undefined), { path: ['key'], message: 'goes with cert: both or none' })
    .optional().describe('Set, the connection must be encrypted and the broker known.'),
  replicas: z.number().int().min(1).max(5).default(1).describe('Servers that keep each stream: 1 of a single server, 3 of a cluster.'),
  monitoring: z.array(z.url()).default([]).describe('Origins of the servers\' HTTP monitoring, to see how they flush.'),
  requireFlush: z.boolean().default(false).describe('Refuses servers that acknowledge before they flush to disk.'),
});

export const configSchema = z.strictObject({
  nats: natsSchema.default(natsSchema.parse({})).describe('The broker.'),
  node: z.strictObject({
    id: name.describe('Unique among the running nodes. `${PLUMB_NODE_ID}` takes it from `plumb node --id`.'),
    dataDir: z.string().min(1).optional().describe('A folder, beside this file, that this node alone keeps: how far the broker was, to see when it lost what it had acknowledged: docs/exposure.md.'),
  }).describe('This node.'),
  secretsDir: z.string().min(1).optional().describe('Where token pairs are kept between restarts: a folder, beside this file, that only this user can read.'),
  timeScale: z.number().positive().default(1).describe('Channels\' clocks run this many times faster than the vendors\': for sandboxes only.'),
  accounts: z.array(accountSchema).default([]).describe('Channel accounts: one seller\'s credentials at one channel each.'),
  sources: z.array(sourceSchema).default([]).describe('Systems that tell what exists: docs/sources.md.'),
  doors: doorsSchema.describe('The ways in besides NATS: docs/doors.md.'),
  hooks: hooksSchema.optional().describe('Notifications of channels, `POST /hooks/<account>`.'),
  metrics: metricsSchema.optional().describe('Figures for Prometheus, and the node\'s health: docs/inspect.md.'),
  traces: tracesSchema.optional().describe('The way of jobs, for an OpenTelemetry collector: docs/inspect.md.'),
  debounce: z.strictObject({
    quietMs: ms.default(500).describe('A raise waits until nothing has changed for so long.'),
    hardMs: ms.default(2_000).describe('And no longer than this after the first change.'),
  }).default({ quietMs: 500, hardMs: 2_000 }).describe('How raises wait for quiet: docs/truth.md.'),
  exposure: exposureSchema.describe('No unit sold twice: docs/exposure.md.'),
  orders: z.strictObject({
    openMaxMs: ms.default(30 * 86_400_000).describe('A reservation that has not ended after so long becomes a task: an open order, or what a source has committed.'),
  }).prefault({}).describe('Reservations.'),
  askMs: ms.default(5_000).describe('A source is asked for what is missing in its sequence after so long.'),
  gapMs: ms.default(60_000).describe('And what is still missing then becomes a task.'),
  reconcile: z.strictObject({
    maxProofAgeMs: z.union([ms, z.strictObject({
      last: ms.describe('Of SKUs that may be gone within the hour.'),
      few: ms.describe('Of SKUs that may be gone within the day.'),
      plenty: ms.describe('Of all others.'),
    })]).default(600_000).describe('No proof is to get older: of SKUs with plenty, a half for few and a quarter for the last ones; or by class.'),
    apartMs: ms.default(2_000).describe('Two reads that should confirm a difference are so far apart; longer than channels\' reads are stale.'),
    watch: z.strictObject({
      everyMs: z.number().int().min(100).default(10_000).describe('Each of them is read again so often.'),
      share: z.number().min(0).max(1).default(0.5).describe('Of the read budget, at most.'),
      most: z.number().int().min(0).default(500).describe('Listings of one account, at most.'),
    }).prefault({}).describe('The riskiest listings of each account are read again so often, with that share of its read budget.'),
  }).prefault({}).describe('What is read back, and how often: docs/drift.md.'),
  channels: z.strictObject({
    pollMinMs: ms.default(1_000).describe('Orders are asked for no more often.'),
    callMs: ms.default(5_000).describe('A call that is not answered within is given up.'),
    retriesMax: z.number().int().min(1).default(10).describe('Tries of one job that failed until a dead letter tells of it.'),
    throttlesMax: z.number().int().min(1).default(100).describe('Tries of one job that were refused for rate until a dead letter tells of it.'),
    failuresMax: z.number().int().min(1).default(8).describe('Calls in a row that failed, after which the account rests.'),
    restMs: ms.default(2_000).describe('An account that rests tries one call after so long.'),
    probeMs: ms.default(30_000).describe('An account whose token was refused tries again so often.'),
    walkMs: ms.default(86_400_000).describe('The whole list of listings is gone through so often, for how those that are known are to be written by now.'),
    graceMs: ms.default(300_000).describe('In shadow a difference counts once neither side has changed for so long.'),
  }).prefault({}).describe('How channels are called, of all accounts: docs/channels.md.'),
  audit: z.strictObject({ everyMs: ms.default(600_000).describe('0 for never.') }).prefault({}).describe('One of the 64 partitions is folded again and compared with its records so often; 0 for never.'),
  promises: z.strictObject({
    provenMs: ms.default(900_000).describe('No change waits longer for its proof.'),
    ordersMs: ms.default(600_000).describe('Orders are known up to no longer ago.'),
    early: z.number().min(0).max(1).default(0.8).describe('The share of a promise after which people are told.'),
  }).prefault({}).describe('What is promised of every account, told of when `early` of it is used up.'),
  governor: governorSchema.describe('What may change of an account within a window without an order behind it; past it the batch is held for a person.'),
  archive: archiveSchema.optional().describe('Where journals are kept for good: docs/archive.md.'),
  prices: z.string().optional().describe('What a unit of each SKU is worth: a CSV with the columns sku and price, and brand for going live by brand, beside this file. Read again when it changes.'),
  log: z.strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').describe('The least that is told.') }).default({ level: 'info' }).describe('JSON lines on standard output.'),
});

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;
