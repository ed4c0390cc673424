/**
 * The configuration of a node: one YAML (or JSON) file, checked at start, frozen. Secrets may be named by environment
 * variable (`${NAME}`) so that the file itself holds none.
 */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';

const ms = z.number().int().min(0);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case letters, digits and dashes');

/** Applied in this order; see `Rule` in actors/sku/protocol.ts. */
export const ruleSchema = z.strictObject({
  percent: z.number().int().min(0).max(100).optional(),
  buffer: z.number().int().min(0).default(0),
  max: z.number().int().min(0).optional(),
});

const accountSchema = z.strictObject({
  account: name,
  channel: name,
  baseUrl: z.url(),
  credentials: z.record(z.string(), z.string()),
  settings: z.record(z.string(), z.unknown()).default({}),
  /** Given to listings when they are imported. */
  rule: ruleSchema.default({ buffer: 0 }),
});

const natsSchema = z.strictObject({
  /** One server, or several with commas between. */
  url: z.string().default('nats://127.0.0.1:4222'),
  replicas: z.number().int().min(1).max(5).default(1),
  /** Origins of the servers' HTTP monitoring, to see how they flush. */
  monitoring: z.array(z.url()).default([]),
  /** Refuses servers that acknowledge before they flush to disk. */
  requireFlush: z.boolean().default(false),
});

export const configSchema = z.strictObject({
  nats: natsSchema.default(natsSchema.parse({})),
  node: z.strictObject({ id: name }),
  /** Where token pairs are kept between restarts: a folder only this user can read. */
  secretsDir: z.string().optional(),
  /** Channels' clocks run this many times faster than the vendors': for sandboxes only. */
  timeScale: z.number().positive().default(1),
  accounts: z.array(accountSchema).default([]),
  sources: z.array(z.strictObject({
    source: name,
    format: z.literal('plumb').default('plumb'),
    /** Its counts too are applied strictly in sequence, from 1. */
    inOrder: z.boolean().default(false),
    /** Its deltas stop at 0. */
    floor: z.boolean().default(false),
  })).default([]),
  debounce: z.strictObject({
    /** A raise waits until nothing has changed for so long. */
    quietMs: ms.default(500),
    /** And no longer than this after the first change. */
    hardMs: ms.default(2_000),
  }).default({ quietMs: 500, hardMs: 2_000 }),
  /** A gap in a source's sequence older than this becomes a task. */
  gapMs: ms.default(60_000),
  reconcile: z.strictObject({
    maxProofAgeMs: ms.default(600_000),
    apartMs: ms.default(5_000),
  }).default({ maxProofAgeMs: 600_000, apartMs: 5_000 }),
  channels: z.strictObject({
    pollMinMs: ms.default(1_000),
    callMs: ms.default(5_000),
    failuresMax: z.number().int().min(1).default(8),
    restMs: ms.default(2_000),
    probeMs: ms.default(30_000),
  }).default({ pollMinMs: 1_000, callMs: 5_000, failuresMax: 8, restMs: 2_000, probeMs: 30_000 }),
  log: z.strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info') }).default({ level: 'info' }),
});

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;

/** The configuration cannot be used; the message names file, line and key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * @param file YAML or JSON
 * @throws {ConfigError}
 */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const document = parseDocument(text, { prettyErrors: true });
  const [broken] = document.errors;
  if (broken) throw new ConfigError(`${file}:${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]}`);
  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let n = path.length; n >= 0; n--) {
      const node = document.getIn(path.slice(0, n), true) as { range?: [number] } | undefined;
      if (node?.range) return text.slice(0, node.range[0]).split('\n').length;
    }
    return 1;
  };
  const parsed = configSchema.safeParse(fillIn(document.toJS(), env, [], (path, variable) => {
    throw new ConfigError(`${file}:${lineOf(path)}: ${path.join('.')}: environment variable ${variable} is not set`);
  }));
  if (parsed.success) return deepFreeze(parsed.data);
  throw new ConfigError(parsed.error.issues.map(issue => `${file}:${lineOf(issue.path)}: ${issue.path.join('.') || 'configuration'}: ${issue.message}`).join('\n'));
}

/** Replaces `${NAME}` in strings from the environment. */
function fillIn(value: unknown, env: NodeJS.ProcessEnv, path: PropertyKey[], missing: (path: PropertyKey[], variable: string) => never): unknown {
  if (typeof value === 'string') return value.replaceAll(/\$\{([A-Z0-9_]+)\}/g, (_, variable: string) => env[variable] ?? missing(path, variable));
  if (Array.isArray(value)) return value.map((item, i) => fillIn(item, env, [...path, i], missing));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, env, [...path, key], missing)]));
  return value;
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object') {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
