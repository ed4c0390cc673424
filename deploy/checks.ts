/**
 * What a node asks of its broker before it works with it. That options of streams are honoured is checked where they
 * are declared (`streams.ts`); here: the server's version, its limits, and how much a power cut may take.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';

/** The broker cannot be used as it is; the message names what it is and what it should be. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
}

/** Markers of expired keys and per-message TTL came with it (nats-findings C). */
const leastVersion = [2, 11];
/** A record with its reason of quarantine, and its envelope. */
const leastPayload = 1_000_000;
/** More than what NTP leaves: waits, expiries of tokens and signatures of requests go by the wall clock. */
export const skewMaxMs = 2_000;

/** How often a server forces what it acknowledged to disk; 0: before it acknowledges. */
export interface Flush { server: string; syncMs: number }

export interface BrokerDemands {
  /** Origins of the servers' HTTP monitoring; none: how they flush is not known. */
  monitoring: readonly string[];
  /** Refuses a server that acknowledges before it flushes, or does not say. */
  requireFlush: boolean;
}

/**
 * Logs what it found.
 *
 * @returns how servers flush, of those that were asked
 * @throws {BrokerError}
 */
export async function checkBroker(nc: NatsConnection, { monitoring, requireFlush }: BrokerDemands, log: Logger): Promise<Flush[]> {
  const { version = '', jetstream, max_payload: maxPayload = 0 } = nc.info ?? {};
  if (!isAtLeast(version, leastVersion)) throw new BrokerError(`nats-server ${version} is too old: ${leastVersion.join('.')} or newer is needed`);
  if (jetstream !== true) throw new BrokerError(`nats-server at ${nc.getServer()} has no JetStream: start it with -js, or with a jetstream block in its configuration`);
  if (maxPayload < leastPayload) throw new BrokerError(`nats-server takes messages of ${maxPayload} bytes at most: max_payload must be ${leastPayload} or more`);
  const asked = await Promise.allSettled(monitoring.map(flushOf));
  const flushes = asked.flatMap(answer => answer.status === 'fulfilled' ? [answer.value] : []);
  const silent = asked.flatMap(answer => answer.status === 'rejected' ? [answer.reason as BrokerError] : []);
  // One of three may be down while a node starts: the others go on without it, and so must the node.
  if (silent.length > 0 && flushes.length * 2 <= monitoring.length) throw silent[0];
  for (const { message } of silent) log.warn(message);
  const lazy = flushes.filter(({ syncMs }) => syncMs > 0);
  if (requireFlush && flushes.length === 0) throw new BrokerError('nats.requireFlush is set, and nats.monitoring names no server to ask');
  if (requireFlush && lazy.length > 0) {
    throw new BrokerError(`${lazy.map(({ server, syncMs }) => `${server} flushes every ${syncMs} ms`).join(', ')}: a power cut loses what was acknowledged since. Set "sync_interval: always" in its jetstream block`);
  }
  log.info({ version, maxPayload, flush: flushes.length === 0 ? 'unknown: nats.monitoring names no server' : flushes }, 'broker checked');
  return flushes;
}

/** Says when this machine's clock is off. @param skewMs how far it is ahead of the broker's */
export function checkClock(skewMs: number, log: Logger): void {
  if (Math.abs(skewMs) > skewMaxMs) log.warn({ skewMs }, `this machine's clock is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} the broker's: order does not rest on it, tokens and rate limits do`);
}

/** @throws {BrokerError} when the server does not tell */
export async function flushOf(origin: string): Promise<Flush> {
  const { server_name: server, jetstream } = await ask(origin);
  const { sync_interval: nanoseconds = 0, sync_always: always = false } = jetstream?.config ?? {};
  return { server, syncMs: always ? 0 : nanoseconds / 1e6 };
}

/** Bytes that streams take on a server's disk, and may take. @throws {BrokerError} when the server does not tell */
export async function storageOf(origin: string): Promise<{ server: string; used: number; most: number }> {
  const { server_name: server, jetstream } = await ask(origin);
  return { server, used: jetstream?.stats?.storage ?? 0, most: jetstream?.config?.max_storage ?? Infinity };
}

interface Told {
  server_name: string;
  jetstream?: { config?: { sync_interval?: number; sync_always?: boolean; max_storage?: number }; stats?: { storage?: number } };
}

/** @throws {BrokerError} when the server does not tell */
async function ask(origin: string): Promise<Told> {
  try {
    const answer = await fetch(new URL('/varz', origin), { signal: AbortSignal.timeout(3_000) });
    return await answer.json() as Told;
  } catch (cause) {
    throw new BrokerError(`nats.monitoring: ${origin} does not answer as a nats-server does (${(cause as Error).message})`, { cause });
  }
}

function isAtLeast(version: string, [major = 0, minor = 0]: readonly number[]): boolean {
  const [has = 0, hasMinor = 0] = version.split('.').map(Number);
  return has > major || (has === major && hasMinor >= minor);
}
