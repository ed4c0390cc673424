/** What led to an alarm that the referee knows no cause of: the marketplace's own book and the SKU's journal, in order of time. */
import type { NatsConnection } from 'nats';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { decode } from '../../runtime/codec.ts';
import { readAll } from '../../runtime/read-all.ts';
import { skuSubject, streams } from '../../runtime/subjects.ts';
import { fieldsOf } from '../cli/trace-text.ts';
import type { LedgerEntry } from '../sandbox/kit/ledger.ts';
import type { Drift } from './status.ts';

interface Moment { at: number; who: string; what: string }

/** Alarms that are told of, and moments of each, the last before it was detected. */
const mostAlarms = 3;
const mostMoments = 16;

/**
 * A few lines an alarm, times from when orders opened.
 *
 * @param ledgers of the marketplaces, by account
 */
export async function alarmStories(nc: NatsConnection, alarms: readonly Drift[], ledgers: Readonly<Record<string, { ledger: readonly LedgerEntry[] }>>, openedAt: number): Promise<string[]> {
  const stories: string[] = [];
  for (const alarm of alarms.slice(0, mostAlarms)) {
    const facts = await journalOf(nc, alarm.sku);
    stories.push(...storyOf(alarm, [...bookOf(ledgers[alarm.account]?.ledger ?? [], alarm), ...facts], openedAt));
  }
  return stories;
}

export function storyOf({ account, sku, class: what, expected, observed, observableAt, detectedAt }: Drift, moments: readonly Moment[], openedAt: number): string[] {
  const known = moments.filter(({ at }) => at <= detectedAt).sort((a, b) => a.at - b.at).slice(-mostMoments);
  const alarm = { at: detectedAt, who: 'Plumb', what: `tells of a ${what}: ${observed} where ${expected} was expected${observableAt === undefined ? '' : `, seen first ${seconds(observableAt - openedAt).trim()}`}` };
  return [`${account} ${sku}, before the alarm:`, ...[...known, alarm].map(moment => `${seconds(moment.at - openedAt)}  ${moment.who.padEnd(8)} ${moment.what}`)];
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(3)} s`.padStart(10);

function bookOf(ledger: readonly LedgerEntry[], { account, sku }: Drift): Moment[] {
  return ledger.filter(entry => entry.sku === sku).map(({ at, seq: _seq, sku: _sku, kind, ...rest }) => ({ at, who: account, what: `${kind} ${fieldsOf(rest)}` }));
}

async function journalOf(nc: NatsConnection, sku: string): Promise<Moment[]> {
  const moments: Moment[] = [];
  await readAll(nc, { stream: streams.sku, filter: skuSubject(sku) }, message => {
    const { type, ...rest } = decode(message.data, message.header('Plumb-Schema')) as SkuFact;
    moments.push({ at: message.at, who: 'journal', what: `#${message.seq} ${type} ${fieldsOf(rest)}` });
  });
  return moments;
}
