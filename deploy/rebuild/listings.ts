/** What every channel lists and shows now, read whole within the published rates. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reading } from '../../actors/channel/adapter.ts';
import { RetryableError, ThrottledError } from '../../actors/errors.ts';
import type { Config } from '../../config/config.ts';
import { loadLimits, withOwn } from '../../config/limits.ts';
import { adapters, profiles, tokenStoreFor } from '../channels.ts';
import { Session } from '../probe/session.ts';

export interface AccountListings {
  account: string;
  gross: boolean;
  readings: Reading[];
  /** Why it could not be read to the end; what was read until then is left out. */
  failed?: string;
}

/** Tries of one page that failed, with twice the pause each; and of one that was refused for rate. */
const triesMax = 6;
const throttlesMax = 100;
const restMs = 500;

/** One account after its own rate, all at the same time. Never rejects. */
export function readListings(config: Config, onProgress: (account: string, listings: number) => void): Promise<AccountListings[]> {
  return Promise.all(config.accounts.map(async of => {
    const { account } = of;
    const all: Reading[] = [];
    let gross = false;
    let session: Session | undefined;
    try {
      const create = adapters[of.channel];
      const profile = profiles[of.channel];
      if (!create || !profile) throw new Error(`${JSON.stringify(of.channel)} is no channel`);
      const { timeScale, channels: { callMs } } = config;
      const adapter = create(of, { now: Date.now, uuid: () => crypto.randomUUID(), tokens: tokenStoreFor(config.secretsDir, of), timeScale });
      ({ gross } = adapter);
      session = new Session({ account: of, adapter, profile, limits: withOwn(loadLimits(of.channel, timeScale), of.limits, timeScale), callMs, timeScale });
      for (let cursor: string | undefined; ;) {
        const page = await pageOf(session, cursor);
        all.push(...page.readings);
        onProgress(account, all.length);
        cursor = page.cursor;
        if (cursor === undefined) return { account, gross, readings: all };
      }
    } catch (error) {
      return { account, gross, readings: [], failed: (error as Error).message };
    } finally {
      session?.close();
    }
  }));
}

async function pageOf(session: Session, cursor: string | undefined): Promise<{ readings: Reading[]; cursor?: string | undefined }> {
  const { adapter } = session;
  const operation = adapter.listingsOperation?.(cursor) ?? adapter.operations.listings;
  let throttles = 0;
  for (let tries = 1; ; tries++) {
    try {
      return (await session.run(operation, call => adapter.listings(cursor, call))).value;
    } catch (error) {
      if (error instanceof ThrottledError && ++throttles < throttlesMax) {
        tries -= 1;
        continue;
      }
      if (!(error instanceof RetryableError) || tries === triesMax) throw error;
      await sleep(restMs * 2 ** tries);
    }
  }
}
