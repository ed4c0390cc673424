/** A broker that everything is put into anew: nothing must be lost that it still has, and no node may work with it. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { rebuildSubject, streams } from '../../runtime/subjects.ts';
import { declared, ensureStreams } from '../streams.ts';
import type { RebuildRecord } from './record.ts';
import { RebuildError } from './record.ts';

const noStream = 10059;
const noMessage = 10037;

/**
 * Makes every stream anew.
 *
 * @param firstSeq of each stream: no sequence of before names another message
 * @param discard throws away what the broker has, though no rebuild put it there
 * @returns messages of sources that were thrown away with it
 * @throws {RebuildError} when a node is alive, or the broker has a journal and `discard` is not set
 */
export async function makeAnew(nc: NatsConnection, { replicas, firstSeq, discard }: { replicas: number; firstSeq: Readonly<Record<string, number>>; discard: boolean }): Promise<number> {
  const jsm = await jetstreamManager(nc);
  const found = new Map<string, number>();
  for (const { name } of declared) {
    const messages = await messagesIn(jsm, name);
    if (messages !== undefined) found.set(name, messages);
  }
  await refuseNodes(jsm);
  const isOurs = await wasBrokenOff(jsm, found);
  const journal = (found.get(streams.sku) ?? 0) + (found.get(streams.skuRecords) ?? 0);
  if (journal > 0 && !isOurs && !discard) {
    throw new RebuildError(`this broker has a journal of ${found.get(streams.sku) ?? 0} messages and ${found.get(streams.skuRecords) ?? 0} records: a rebuild is for one that has lost them. If they are worth nothing (nodes were started on an empty broker), run it with --discard`);
  }
  for (const name of found.keys()) await jsm.streams.delete(name);
  await ensureStreams(nc, replicas, firstSeq);
  return isOurs ? 0 : found.get(streams.ingest) ?? 0;
}

/** @throws {RebuildError} */
export async function refuseNodes(jsm: JetStreamManager): Promise<void> {
  const { state } = await jsm.streams.info(streams.members, { subjects_filter: '>' }).catch((error: { code?: number }) => {
    if (error.code !== noStream) throw error;
    return { state: { subjects: {} as Record<string, number> } };
  });
  const live = Object.keys(state.subjects ?? {}).map(subject => subject.slice(subject.lastIndexOf('.') + 1));
  if (live.length > 0) throw new RebuildError(`stop every node first: ${live.join(', ')} ${live.length === 1 ? 'is' : 'are'} alive`);
}

async function messagesIn(jsm: JetStreamManager, name: string): Promise<number | undefined> {
  try {
    return (await jsm.streams.info(name)).state.messages;
  } catch (error) {
    if ((error as { code?: number }).code !== noStream) throw error;
    return undefined;
  }
}

/** What a rebuild that was broken off has put there is begun again. */
async function wasBrokenOff(jsm: JetStreamManager, found: ReadonlyMap<string, number>): Promise<boolean> {
  if (!found.has(streams.channelRecords)) return false;
  const message = await jsm.streams.getMessage(streams.channelRecords, { last_by_subj: rebuildSubject }).catch((error: { code?: number }) => {
    if (error.code !== noMessage) throw error;
    return null;
  });
  return message !== null && message.json<RebuildRecord>().overAt === undefined;
}
