/**
 * Every stream and bucket, declared once: created when missing, checked when there. A server that did not honour an
 * option is refused, since older servers ignore what they do not know (nats-findings fact 9).
 */
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { nanos } from 'nats';
import { memberTtlMs } from '../runtime/membership.ts';
import { streams } from '../runtime/subjects.ts';

const day = 86_400_000;
const dedupeMs = 2 * 60_000;

export type Declared = Partial<StreamConfig> & { name: string; subjects: string[] };

function journal(name: string, subjects: string[], days = 0): Declared {
  return { name, subjects, retention: RetentionPolicy.Limits, storage: StorageType.File, max_age: nanos(days * day), duplicate_window: nanos(dedupeMs), allow_direct: true };
}

/** A KV bucket is a stream of this shape; readers of the `nats` CLI find it as one. */
function bucket(name: string, options: Partial<Declared> = {}): Declared {
  return {
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.New,
    allow_rollup_hdrs: true,
    allow_direct: true,
    deny_delete: true,
    ...options,
  };
}

export const declared: readonly Declared[] = [
  journal(streams.ingest, ['ingest.>'], 30),
  journal(streams.sku, ['sku.>']),
  journal(streams.attempt, ['attempt.>'], 90),
  journal(streams.alert, ['drift.>'], 90),
  journal(streams.dead, ['dead.>']),
  journal(streams.exposure, ['exposure.>'], 90),
  // What sources are asked for: an answer to the newest question of a SKU answers all.
  { ...journal(streams.ask, ['ask.>'], 7), max_msgs_per_subject: 1 },
  bucket('sku', { republish: { src: '$KV.sku.>', dest: 'kvpub.sku.>' } }),
  bucket('channel'),
  bucket('listing', { max_msgs_per_subject: 8 }),
  // Whoever folds an old journal again needs the settings of its time: as long a history as a bucket may have.
  bucket('settings', { max_msgs_per_subject: 64 }),
  bucket('shadow'),
  // On file, though nothing of it is worth keeping: a single server that is started again has no memory streams.
  bucket('member', { max_age: nanos(memberTtlMs), deny_delete: false, duplicate_window: nanos(memberTtlMs) }),
];

/** A stream that is not as declared, naming stream, option and both values. */
export class StreamMismatchError extends Error {
  override readonly name = 'StreamMismatchError';
}

/** A broker that is starting, or electing, is waited for so long, ms. */
const patienceMs = 60_000;

/**
 * @param replicas 1 on a single server, 3 in production
 * @param firstSeq of streams that are made: their first sequence, where that is not 1
 * @throws {StreamMismatchError}
 * @throws {Error} when JetStream does not answer for a minute
 */
export async function ensureStreams(nc: NatsConnection, replicas = 1, firstSeq: Readonly<Record<string, number>> = {}): Promise<void> {
  for (const until = performance.now() + patienceMs; ;) {
    try {
      const jsm = await jetstreamManager(nc);
      for (const wanted of declared) await ensure(jsm, { ...wanted, num_replicas: replicas }, firstSeq[wanted.name]);
      return;
    } catch (error) {
      if (error instanceof StreamMismatchError || nc.isClosed() || performance.now() > until) throw error;
      await new Promise(resolve => setTimeout(resolve, 250));
    }
  }
}

async function ensure(jsm: JetStreamManager, wanted: Declared, firstSeq: number | undefined): Promise<void> {
  let config: StreamConfig;
  try {
    config = (await jsm.streams.info(wanted.name)).config;
  } catch (error) {
    if ((error as { code?: number }).code !== 10059) throw error;
    // Nodes start together: whoever is second finds it made.
    config = await jsm.streams.add({ ...wanted, ...(firstSeq !== undefined && { first_seq: firstSeq }) }).then(info => info.config, async () => (await jsm.streams.info(wanted.name)).config);
  }
  const mismatch = mismatchOf(config, wanted);
  if (mismatch !== undefined) throw new StreamMismatchError(mismatch);
}

/** In what a stream is not as declared, and what to do; undefined where it is. */
export function mismatchOf(config: StreamConfig, wanted: Declared): string | undefined {
  for (const [option, value] of Object.entries(wanted)) {
    const is = (config as unknown as Record<string, unknown>)[option] ?? fallback(value);
    if (JSON.stringify(is) !== JSON.stringify(value)) {
      return `stream ${wanted.name}: ${option} is ${JSON.stringify(is)}, wanted ${JSON.stringify(value)}. Change it with 'nats stream edit', or use a server that honours it (2.11 or later).`;
    }
  }
  return undefined;
}

/** What a server leaves out of its answer. */
function fallback(value: unknown): unknown {
  return typeof value === 'number' ? 0 : typeof value === 'boolean' ? false : undefined;
}
