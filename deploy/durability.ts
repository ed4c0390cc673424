/** Whether escrow may rest on what the broker acknowledges (A1): on servers that flush before they acknowledge. */
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { BrokerError } from './checks.ts';
import type { Flush } from './checks.ts';

/** What ends it, as a plain sentence. */
export const heals = 'set "sync_interval: always" in its jetstream block, or exposure.allowLazyFlush: true to rest on it all the same';

/**
 * Says how it stands.
 *
 * @returns why every SKU that is left to scarcity mirrors; undefined where escrow may be chosen
 * @throws {BrokerError} in escrow, where a server acknowledges before it flushes
 */
export function lazyFlush({ mode, allowLazyFlush }: Pick<Config['exposure'], 'mode' | 'allowLazyFlush'>, flushes: readonly Flush[], log: Logger): string | undefined {
  if (mode === 'mirror') return undefined;
  if (flushes.length === 0) {
    if (!allowLazyFlush) log.warn('escrow rests on servers that flush before they acknowledge, and how these do is not known: name their monitoring in nats.monitoring');
    return undefined;
  }
  const lazy = flushes.filter(({ syncMs }) => syncMs > 0).map(({ server, syncMs }) => `${server} flushes every ${syncMs} ms`).join(', ');
  if (lazy === '') return undefined;
  const text = `${lazy}: a power cut may lose what channels were sent, and escrow promises that no unit is sold twice`;
  if (allowLazyFlush) {
    log.warn(`${text}; exposure.allowLazyFlush lets it be`);
    return undefined;
  }
  if (mode === 'escrow') throw new BrokerError(`exposure.mode is escrow, and ${text}: ${heals}`);
  log.warn(`${text}: every SKU mirrors until then; ${heals}`);
  return 'the broker acknowledges before it flushes';
}
