/** Compares what the broker has with what was seen there: a stream that went back, or was made anew (P12). */
import { readAll } from '../read-all.ts';
import type { NatsConnection } from 'nats';
import { streams } from '../subjects.ts';
import type { StreamState } from '../last-message.ts';
import type { Direct } from './direct.ts';
import { guarded } from './marks.ts';
import type { Mark, Marks } from './marks.ts';

/** `had`: the highest sequence that was seen; `has`: the newest that is there. */
export interface Loss { stream: string; had: number; has: number; isRebuilt?: true }

/** A leader that was just elected may not have all of its log yet: it is asked so often, with that pause. */
const looks = 4;
const apartMs = 500;

/** What was lost since this node last looked; marks of what is whole are set. */
export async function findLosses(direct: Direct, marks: Marks): Promise<Loss[]> {
  const found = await Promise.all(guarded.map(async stream => {
    for (let look = 1; ; look++) {
      const state = await direct.stateOf(stream);
      const loss = await lossOf(direct, stream, marks.of(stream), state);
      if (!loss) marks.accept(stream, state.created, Math.max(marks.of(stream).seq, state.lastSeq));
      if (!loss || look === looks) return loss;
      await new Promise(resolve => setTimeout(resolve, apartMs));
    }
  }));
  return found.filter(loss => loss !== undefined);
}

async function lossOf(direct: Direct, stream: string, { created, seq: had, own }: Mark, state: StreamState): Promise<Loss | undefined> {
  const loss: Loss = { stream, had, has: state.lastSeq };
  if (created !== undefined && created !== state.created) return { ...loss, isRebuilt: true };
  if (state.lastSeq < had) return loss;
  return own && !await isThere(direct, stream, own, state) ? loss : undefined;
}

/** A record's newest message may be a later one, never an earlier; a journal's message stays what it was. */
async function isThere(direct: Direct, stream: string, { seq, subject, id }: NonNullable<Mark['own']>, { firstSeq }: StreamState): Promise<boolean> {
  if (stream === streams.skuRecords) return ((await direct.find(stream, { last_by_subj: subject }))?.seq ?? 0) >= seq;
  if (seq < firstSeq) return true;
  const found = await direct.find(stream, { seq });
  return found !== undefined && found.subject === subject && (id === undefined || found.id === id);
}

/**
 * What partitions were applied up to, as the broker has it, is more than the journal holds: whoever starts with no marks of
 * its own, on a journal that went back alone, sees it by that.
 */
export async function journalLoss(nc: NatsConnection, direct: Direct): Promise<Loss | undefined> {
  let had = 0;
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.*._ckpt', from: 'last-per-subject' }, message => {
    if (message.data.length > 0) had = Math.max(had, message.json<{ seq: number }>().seq);
  });
  const { lastSeq: has } = await direct.stateOf(streams.sku);
  return has < had ? { stream: streams.sku, had, has } : undefined;
}
