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
