/** Published rate limits by channel, from `config/limits/<channel>.yaml`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Limit } from '../actors/channel/rate.ts';

const schema = z.record(z.string(), z.strictObject({
  perSecond: z.number().positive(),
  burst: z.number().positive(),
  perDay: z.number().positive().optional(),
}));

export type Limits = Record<string, Limit>;

/** What an account is given beside the published: by limit, what differs. */
export type OwnLimits = Record<string, { [K in keyof Limit]?: Limit[K] | undefined }>;

/** @throws {RangeError} for a limit that the channel does not have, naming those that it has */
export function withOwn(published: Limits, own: OwnLimits, scale = 1): Limits {
  const limits = { ...published };
  for (const [name, given] of Object.entries(own)) {
    const limit = limits[name];
    if (!limit) throw new RangeError(`${JSON.stringify(name)} is no limit of this channel; there are ${Object.keys(published).join(', ')}`);
    limits[name] = { ...limit, ...Object.fromEntries(Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value * scale]]))) };
  }
  return limits;
}

/**
 * @param scale quotas are so many times as large, for sandboxes whose clock runs faster
 * @throws {Error} naming the file and what is wrong with it
 */
export function loadLimits(channel: string, scale = 1): Limits {
  const file = join(import.meta.dirname, 'limits', `${channel}.yaml`);
  const parsed = schema.safeParse(parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  return Object.fromEntries(Object.entries(parsed.data).map(([name, { perSecond, burst, perDay }]) =>
    [name, { perSecond: perSecond * scale, burst: burst * scale, ...(perDay !== undefined && { perDay: perDay * scale }) }]));
}
