/** Publishes a trace with the production publisher: journal headers, msgpack bodies, counted acknowledgements. */
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import { escapeKey, partitionOf, skuSubject } from '../../runtime/subjects.ts';
import { nowMs } from './channel.ts';
import { factOf } from './workload.ts';
import type { TraceEvent } from './workload.ts';

/** Where the same bytes go when nothing but JetStream is measured. */
export const rawSubject = (sku: string): string => `raw.${partitionOf(sku)}.${escapeKey(sku)}`;

export interface PublishOptions {
  to: 'raw' | 'sku';
  /** Events a second; as fast as they are accepted where absent. */
  rate?: number;
  /** Unacknowledged messages at once. */
  window?: number;
}

export interface Published {
  began: number;
  ended: number;
  /** Messages that the stream stored: repeats of an id are not. */
  stored: number;
  /** When each event was handed over, in the trace's order; only where a rate was asked for. */
  at: number[];
}

export async function publishTrace(publisher: Publisher, trace: readonly TraceEvent[], { to, rate, window = 2_000 }: PublishOptions): Promise<Published> {
  const subjectOf = to === 'raw' ? rawSubject : skuSubject;
  const began = nowMs();
  const at: number[] = [];
  let stored = 0;
  let open = 0;
  let failure: unknown;
  let resume: (() => void) | undefined;
  const settled = (): void => {
    open -= 1;
    if (open <= window / 2) {
      resume?.();
      resume = undefined;
    }
  };
  for (let i = 0; i < trace.length; i++) {
    const event = trace[i]!;
    if (rate !== undefined) {
      const wait = began + (i * 1_000) / rate - nowMs();
      if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait));
      at.push(nowMs());
    }
    open += 1;
    publisher.publish(subjectOf(event.sku), encodeJournal(factOf(event)), journalHeaders({ id: event.eventId }))
      .then(({ duplicate }) => {
        if (!duplicate) stored += 1;
        settled();
      }, (error: unknown) => {
        failure = error;
        settled();
      });
    if (open >= window) await new Promise<void>(resolve => { resume = resolve; });
    if (failure) throw failure;
  }
  while (open > 0) await new Promise<void>(resolve => { resume = resolve; });
  if (failure) throw failure;
  return { began, ended: nowMs(), stored, at };
}
