/** The jobs that the rules ask for, if deciding, writing and proving took no time: what nobody can do with fewer. */
import { createHash } from 'node:crypto';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { Hot } from '../../runtime/handle.ts';
import { fold, fresh } from '../../runtime/handle.ts';
import type { Stock } from '../../actors/sku/protocol.ts';
import { accounts, factOf, source } from './workload.ts';
import type { TraceEvent } from './workload.ts';

/** When it would be sent, and when the event came that first asked for it. */
export interface IdealJob { sku: string; account: string; at: number; since: number }

/**
 * @param at when each event comes, ms by any clock, in the trace's order
 * @returns SKU by SKU, each in the order of time
 */
export function idealJobs(trace: readonly TraceEvent[], at: readonly number[], debounceMs: number): IdealJob[] {
  const sign = (parts: object): string => createHash('sha1').update(JSON.stringify(parts)).digest('hex');
  const kind = skuKind({ sign, debounce: { quietMs: debounceMs, hardMs: debounceMs }, gapMs: 1e9, sources: { [source]: { inOrder: true, floor: true } } });
  const journals = new Map<string, { at: number; event: TraceEvent }[]>();
  trace.forEach((event, i) => {
    const entry = { at: Math.floor(at[i]!), event };
    const journal = journals.get(event.sku);
    if (journal) journal.push(entry);
    else journals.set(event.sku, [entry]);
  });
  const jobs: IdealJob[] = [];
  for (const [sku, journal] of journals) {
    let seq = 0;
    let hot: Hot<Stock> = fresh(kind, sku);
    /** A fact, then whatever it makes the channels owe, written and proven on the spot. */
    const tell = (when: number, body: object, counts = true): void => {
      const told = fold(kind, hot, [{ seq: ++seq, at: when, correlation: '', body }]);
      if (told) hot = { record: told.record, state: told.state, revision: 0 };
      for (const [account, { intent, proof }] of Object.entries(hot.record.context.outlets)) {
        if (!intent || proof?.version === intent.version) continue;
        if (counts) jobs.push({ sku, account, at: when, since: intent.causeAt });
        const answered = fold(kind, hot, [{ seq: ++seq, at: when, correlation: '', body: { type: 'write.answered', account, signature: intent.signature, outcome: 'applied', quantity: intent.quantity } }]);
        if (answered) hot = { record: answered.record, state: answered.state, revision: 0 };
      }
    };
    const flushUntil = (when: number): void => {
      for (let { flush } = hot.record.due; flush && flush.at <= when; { flush } = hot.record.due) tell(flush.at, { type: 'timer.due', id: 'flush', at: flush.at });
    };
    for (const { account, rule } of accounts) tell(journal[0]!.at, { type: 'listing.linked', account, listing: { id: account, fields: {} }, gross: false, rule }, false);
    for (const entry of journal) {
      flushUntil(entry.at);
      tell(entry.at, factOf(entry.event));
    }
    flushUntil(Infinity);
  }
  return jobs;
}
