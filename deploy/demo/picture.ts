/** The state of the demo as text: a picture for a terminal, one line for a log. */
import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import type { Progress as ToldByFeed } from './feed-protocol.ts';
import { bold, clock, count, dim, duration, paint, wrapped } from './format.ts';
import type { ChannelStatus, Drift, NodeStatus, Status } from './status.ts';

/** Where the demo stands; the screen shows it, the supervisor moves it. */
export interface Progress {
  /** One or two words: `importing`, `orders`, `settling`, `verdict`. */
  phase: string;
  /** Since the demo began, ms. */
  elapsedMs: number;
  /** Since orders opened, and for how long they run, ms; absent before. */
  orders?: { elapsedMs: number; durationMs: number };
  /** What buyers and the ERP did so far. */
  feed: FeedProgress;
  /** Since orders opened: what happened, and how many writes each account had had before. */
  since?: Opening;
}

export interface Opening {
  /** Order lines sold and cancelled, and messages of the ERP. */
  events: number;
  writesBefore: Readonly<Record<string, number>>;
}

/** What buyers and the ERP did so far: `Progress` of the feed. */
export type FeedProgress = Pick<ToldByFeed, 'placed' | 'refused' | 'cancelled' | 'erp'>;

export const noFeed: FeedProgress = { placed: 0, refused: 0, cancelled: 0, erp: 0 };

/** Everything in one line, for logs. */
export function progressLine(status: Status, { phase, orders, feed }: Progress): string {
  const { listings, proven, pending, drifted, throttled, writes } = totals(status);
  const nodes = status.nodes.map(({ id, alive }) => alive ? id : `(${id} gone)`).join(' ');
  return [
    orders ? `${phase} ${Math.round(Math.min(1, orders.elapsedMs / orders.durationMs) * 100)} %` : phase,
    `${count(feed.placed)} lines sold`, `equal ${count(proven)}/${count(listings)}`, `pending ${count(pending)}`,
    `drifted ${count(drifted)}`, `writes ${count(writes)}`, `throttled ${count(throttled)}`, nodes,
  ].join('  ');
}

/** The live picture; at most `rows` lines, cut from the least important part. */
export function render(status: Status, progress: Progress, { columns, rows }: { columns: number; rows: number }): string {
  const parts = [
    [headline(progress, columns)],
    [...wrapped('Buyers order at five marketplaces at once. Plumb hears of each sale and corrects the other four.', columns).map(dim), ''],
    channelTable(status, progress.since, columns).split('\n'),
    ['', ...nodeTable(status, columns).split('\n')],
    ['', ...feedLines(progress.feed)],
    ['', ...alertLines(status)],
  ];
  // On a low terminal the explanation goes first, then the alerts.
  for (const victim of [1, 5, 4, 3]) if (parts.flat().length > rows - 2) parts[victim] = [];
  return parts.flat().join('\n');
}

function headline({ phase, elapsedMs, orders }: Progress, columns: number): string {
  const left = `${bold('PLUMB')}  one stock, five marketplaces`;
  if (!orders) return spread(left, `${phase}  ${clock(elapsedMs).trim()}`, columns);
  const share = Math.min(1, orders.elapsedMs / orders.durationMs);
  const cells = columns < 100 ? 8 : 20;
  const bar = '█'.repeat(Math.round(share * cells)).padEnd(cells, '░');
  return spread(left, `${phase}  ${dim(bar)} ${Math.min(Math.round(orders.elapsedMs / 1000), Math.round(orders.durationMs / 1000))} of ${Math.round(orders.durationMs / 1000)} s`, columns);
}

function spread(left: string, right: string, columns: number): string {
  const gap = Math.min(columns, 100) - width(left) - width(right);
  return `${left}${' '.repeat(Math.max(2, gap))}${right}`;
}

const width = (text: string): number => stripVTControlCharacters(text).length;

const plainTable = {
  chars: {
    top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
    left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' ',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
};

function table(head: string[], rows: string[][]): string {
  const made = new Table({ ...plainTable, head: head.map(dim), colAligns: head.map((_, n) => n === 0 ? 'left' : 'right') });
  made.push(...rows);
  return made.toString().split('\n').map(line => line.trimEnd()).join('\n');
}

function channelTable({ channels }: Status, since: Opening | undefined, columns: number): string {
  const wide = columns >= 100;
  const head = ['marketplace', 'listings', 'equal', 'pending', 'drifted', ...wide ? ['writes', 'per event'] : [], 'sale to proof p50/p99', 'throttled'];
  return table(head, channels.map(channel => channelRow(channel, since, wide, head.length)));
}

function channelRow({ account, answer, alive, totals: total }: ChannelStatus, since: Opening | undefined, wide: boolean, length: number): string[] {
  if (!answer) return [account, dim(alive ? '…' : 'no answer yet'), ...Array<string>(length - 2).fill('')];
  const { listings, proven, pending, drifted, verifiedMs, breaker } = answer;
  const equal = proven === listings ? paint.good(`${count(proven)} ✔`) : `${count(proven)}  `;
  const name = !alive ? paint.bad(`${account} ?`) : breaker !== 'closed' ? paint.bad(`${account} (${breaker})`) : account;
  return [
    name, count(listings), equal, pending ? paint.fault(count(pending)) : dim('0'), drifted ? paint.bad(count(drifted)) : dim('0'),
    ...wide ? [count(total.writes), since?.events ? ((total.writes - (since.writesBefore[account] ?? 0)) / since.events).toFixed(2) : dim('-')] : [],
    `${duration(verifiedMs.p50)} / ${duration(verifiedMs.p99)}`, total.throttled ? count(total.throttled) : dim('0'),
  ];
}

function nodeTable(status: Status, columns: number): string {
  const head = ['node', 'state', 'partitions', 'events/s', 'memory', ...columns >= 100 ? ['marketplaces'] : []];
  return table(head, status.nodes.map(node => nodeRow(node, columns >= 100)));
}

function nodeRow({ id, alive, answer, eventsPerSecond }: NodeStatus, wide: boolean): string[] {
  if (!alive || !answer) return [id, answer ? paint.bad('gone') : dim('starting'), '', '', '', ...wide ? [''] : []];
  return [
    id, paint.good('alive'), count(answer.partitions.length), count(Math.round(eventsPerSecond)), `${Math.round(answer.rssMb)} MB`,
    ...wide ? [dim(answer.accounts.join(' '))] : [],
  ];
}

function feedLines({ placed, refused, cancelled, erp }: FeedProgress): string[] {
  return [
    `${dim('buyers')}  ${count(placed)} order lines sold, ${count(refused)} sold out, ${count(cancelled)} cancelled`,
    `${dim('ERP   ')}  ${count(erp)} messages, some twice, late or out of order`,
  ];
}

/** The last few findings; one that was resolved shows as one line. */
function alertLines({ drifts, dead }: Status, most = 4): string[] {
  const findings = new Map<string, Drift>();
  for (const drift of drifts) {
    findings.delete(drift.id);
    findings.set(drift.id, drift);
  }
  return [
    ...[...findings.values()].slice(-most).map(driftLine),
    ...dead.slice(-2).map(({ subject, body }) => paint.bad(`dead letter  ${subject}  ${String(body.reason ?? body.message ?? '')}`)),
  ];
}

function driftLine({ state, account, sku, expected, observed, detectedAt, resolvedAt }: Drift): string {
  const what = `${account} ${sku} showed ${observed} for ${expected}`;
  if (state === 'resolved') return paint.good(`healed  ${what}${resolvedAt === undefined ? '' : `, within ${duration(resolvedAt - detectedAt)}`}`);
  return state === 'task' ? paint.bad(`task    ${what}: a person is needed`) : paint.fault(`drift   ${what}`);
}

function totals({ channels }: Status): Record<'listings' | 'proven' | 'pending' | 'drifted' | 'writes' | 'throttled', number> {
  const sum = { listings: 0, proven: 0, pending: 0, drifted: 0, writes: 0, throttled: 0 };
  for (const { answer, totals: total } of channels) {
    for (const name of ['listings', 'proven', 'pending', 'drifted'] as const) sum[name] += answer?.[name] ?? 0;
    sum.writes += total.writes;
    sum.throttled += total.throttled;
  }
  return sum;
}
