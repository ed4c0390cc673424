/** The verdict: the referee's checks and what the supervisor saw itself, with figures; for people and for scripts. */
import type { FeedFigures } from './feed-protocol.ts';
import type { Incident } from './faults.ts';
import { bold, count, dim, duration, paint } from './format.ts';
import type { Check, Verdict } from './referee.ts';
import type { Verification } from '../replay.ts';
import type { Mode } from '../../actors/sku/exposure/record.ts';
import type { ChannelStatus, Drift, Status } from './status.ts';

export interface Conclusion {
  ok: boolean;
  checks: Check[];
  figures: Record<string, unknown>;
}

export interface Findings {
  verdict: Verdict;
  status: Status;
  incidents: readonly Incident[];
  feed: FeedFigures;
  /** Messages in the dead letter journal. */
  deadLetters: number;
  /** Every SKU's journal folded again and compared with its record. */
  replayed: Verification;
  /** Writes of each account before orders opened. */
  writesBefore: Readonly<Record<string, number>>;
  skus: number;
  mode: Mode;
  /** Every listing is read once within, ms. */
  proofAgeMs: number;
  /** What led to alarms without a cause, a line each. */
  stories: readonly string[];
  /** ms; `settle` is undefined when it did not come to rest. */
  times: { importMs: number; tradingMs: number; settleMs: number | undefined; totalMs: number };
}

/** What Plumb promises when something goes wrong, ms. */
export const promises = {
  /** R5: partitions without an owner after a node died. */
  unservedMs: 5_000,
  /** A number edited by hand: found within two rounds of reading everything and this, right again within this more. */
  detectedMs: 10_000,
  /** In the watch set of its account: found within. */
  watchedMs: 15_000,
  healedMs: { mirror: 15_000, auto: 60_000, escrow: 60_000 },
  catchUpMs: 30_000,
  /** A file that would empty the shop: when it is held, and what has gone through by then (the governor's share). */
  heldMs: 10_000,
  zeroedPercent: 25,
  ambiguousMs: 30_000,
  /** From the last order to the moment when nothing moves. */
  settleMs: { mirror: 60_000, auto: 300_000, escrow: 300_000 },
};

/** Examples kept. */
const fewParted = 10;

/** The most writes that one event may cause, all channels together. */
const writesPerEventMost = 5;

export function conclude({ mode, verdict, status, incidents, feed, deadLetters, replayed, times, proofAgeMs, writesBefore, skus, stories }: Findings): Conclusion {
  // Opening counts are no events of the rush, as the first filling of listings is none of its writes.
  const events = feed.linesSold + feed.linesCancelled + feed.erp.published - skus;
  const writesOf = ({ account, totals }: ChannelStatus): number => totals.writes - (writesBefore[account] ?? 0);
  const writes = status.channels.reduce((sum, channel) => sum + writesOf(channel), 0);
  const perEvent = (count: number): number => events > 0 ? round(count / events) : 0;
  const checks: Check[] = [
    ...verdict.checks,
    atMost('came to rest after the last order, ms', times.settleMs ?? Infinity, promises.settleMs[mode]),
    ...incidents.flatMap(incident => incidentChecks(incident, mode, proofAgeMs)),
    atMost('drift alarms without a cause', falseAlarms(status.drifts, incidents).length, 0),
    atMost('findings of drift still open', openFindings(status.drifts).length, 0),
    atMost('records that are not the fold of their journal', replayed.parted.length + replayed.overdue.length + Math.max(0, skus - replayed.skus), 0),
    atMost('dead letters not accounted for', deadLetters, 0),
    atMost('writes per event', perEvent(writes), writesPerEventMost),
  ];
  return {
    ok: checks.every(({ ok }) => ok),
    checks,
    figures: {
      ...times, events, journalFacts: status.events, writes, writesPerEvent: perEvent(writes),
      channels: Object.fromEntries(status.channels.map(channel => [channel.account, {
        ...channel.totals, writesPerEvent: perEvent(writesOf(channel)), verifiedMs: channel.answer?.verifiedMs, propagation: verdict.figures.propagation[channel.account],
      }])),
      incidents, drifts: status.drifts.length, falseAlarms: falseAlarms(status.drifts, incidents), stories, feed, referee: verdict.figures,
      replayed: { ...replayed, parted: replayed.parted.slice(0, fewParted) },
    },
  };
}

function incidentChecks({ kind, target, answered, figures }: Incident, mode: Findings['mode'], proofAgeMs: number): Check[] {
  const detectedMs = figures.watched ? promises.watchedMs : 2 * proofAgeMs + promises.detectedMs;
  const within = (name: string, value: number | undefined, limit: number): Check => atMost(name, answered ? value ?? Infinity : Infinity, limit);
  switch (kind) {
    case 'kill-node': return [within(`node ${target} killed: work without an owner, ms`, figures.unservedMs, promises.unservedMs)];
    case 'edit': return [
      atMost(`hand edit at ${target}: noticed after, ms`, figures.detectedMs ?? Infinity, detectedMs),
      within(`hand edit at ${target}: healed after, ms`, figures.healedMs, detectedMs + promises.healedMs[mode]),
    ];
    case 'throttle': return [within(`429 storm at ${target}: caught up after, ms`, figures.catchUpMs, promises.catchUpMs)];
    case 'lose-answer': return figures.hit ? [within(`lost answer at ${target}: counted as possibly applied after, ms`, figures.noticedMs, promises.ambiguousMs)] : [];
    case 'bad-file': return [
      within('wrong count file: held after, ms', figures.heldMs, promises.heldMs),
      atMost('wrong count file: listings that went to zero, %', Math.round(100 * (figures.zeroedShare ?? 1)), promises.zeroedPercent),
    ];
    case 'hidden-sale': return [];
  }
}

/** Findings about numbers that nobody changed behind Plumb's back. */
export function falseAlarms(drifts: readonly Drift[], incidents: readonly Incident[]): Drift[] {
  const changed = new Set(incidents.flatMap(({ target, skus = [] }) => skus.map(sku => `${target}/${sku}`)));
  return [...new Map(ofListings(drifts).map(drift => [drift.id, drift])).values()].filter(({ account, sku }) => !changed.has(`${account}/${sku}`));
}

/** Without what is told of accounts as a whole. */
function ofListings(drifts: readonly Drift[]): Drift[] {
  return drifts.filter(drift => drift.class !== 'progress');
}

/** Findings whose last word is not that they were resolved. */
function openFindings(drifts: readonly Drift[]): Drift[] {
  return [...new Map(ofListings(drifts).map(drift => [drift.id, drift])).values()].filter(({ state }) => state !== 'resolved');
}

/** JSON has no infinity: what never came counts as the largest number it has. */
function atMost(name: string, value: number, limit: number): Check {
  const finite = Number.isFinite(value) ? value : Number.MAX_SAFE_INTEGER;
  return { name, ok: finite <= limit, value: finite, limit };
}

/** One check a line, the failures in red and said again at the end. */
export function verdictLines({ checks, figures }: Pick<Conclusion, 'checks' | 'figures'>): string[] {
  const failed = checks.filter(({ ok }) => !ok);
  const rows = checks.map(check => ({ ...check, ...reading(check) }));
  const names = Math.max(...rows.map(({ label }) => label.length));
  const values = Math.max(...rows.map(({ shown }) => shown.length));
  return [
    bold('Verdict, by a referee who read only the marketplaces\' own books and the ERP\'s'), '',
    ...rows.map(({ ok, label, shown, most }) => {
      const line = `${ok ? '✔' : '✘'} ${label.padEnd(names)}  ${shown.padStart(values)}`;
      return `  ${ok ? paint.good(line) : paint.bad(line)}  ${dim(`at most ${most}`)}`;
    }),
    '', ...facts(figures).map(line => `  ${line}`), '',
    failed.length === 0 ? bold(paint.good('Every check holds.'))
      : bold(paint.bad(`${failed.length} of ${checks.length} checks failed: ${failed.map(({ name }) => name).join('; ')}`)),
  ];
}

/** A check in milliseconds reads as a duration. */
function reading({ name, value, limit }: Check): { label: string; shown: string; most: string } {
  const isTime = name.endsWith(', ms');
  const show = (number: number): string => number === Number.MAX_SAFE_INTEGER ? 'never' : isTime ? duration(number) : count(number);
  return { label: isTime ? name.slice(0, -', ms'.length) : name, shown: show(value), most: show(limit) };
}

function facts(figures: Record<string, unknown>): string[] {
  const referee = figures.referee as Verdict['figures'] | undefined;
  if (!referee) return [];
  const examples = [
    ...referee.unequal.map(({ account, sku, shown, target }) => `${account} ${sku} shows ${shown ?? 'nothing'}, should show ${target}`),
    ...referee.lostLines.map(line => `order line ${line} is in no record`), ...referee.strayLines.map(line => `order line ${line} was never sold`),
    ...referee.wrongLines.map(line => `order line ${line} has other units`), ...referee.lostErp.map(sku => `SKU ${sku}: an ERP event is missing`),
    ...(figures.falseAlarms as Drift[]).map(({ account, sku, class: what, expected, observed }) => `${account} ${sku}: ${what} alarm without a cause, ${observed} seen where ${expected} was expected`),
    ...(figures.replayed as Verification).parted.map(({ sku, applied, differences: [first] }) => `record of ${sku} at ${applied}: ${first?.path} is not what its journal folds to`),
    ...referee.unproven.map(pair => `${pair} is not proven`),
    ...referee.oversales.filter(({ outside }) => outside > 0).map(({ account, line, units, shown, allowedShown }) => `${account} ${line} oversold ${units}: showed ${shown}, ${allowedShown} were right`),
  ];
  return [
    `${count(referee.unitsSold)} units sold in ${count(referee.linesSold)} order lines, ${count(referee.unitsCancelled)} cancelled;`
      + ` ${count(referee.oversold)} oversold`,
    ...referee.bound ? [`mirroring: ${count(referee.oversold - (referee.escrow?.oversold ?? 0))} oversold, of which its rule allowed ${count(referee.oversoldAllowed)}`, bounded(referee.bound)] : [],
    ...referee.escrow ? [escrowed(referee.escrow)] : [],
    `${count(figures.events as number)} events (order lines sold or cancelled, messages of the ERP) took ${count(figures.writes as number)} writes at five marketplaces`,
    ...examples.slice(0, 12).map(example => paint.bad(example)),
    ...(figures.stories as string[]),
  ];
}

/** What section 9 of the protocol makes of the same run. */
function bounded({ soldOut, delayMs, expected, atMost, counted }: NonNullable<Verdict['figures']['bound']>): string {
  return `${count(soldOut)} SKUs that mirrored all the time sold out, ${count(counted)} units of them oversold; with ${duration(delayMs)} until the others show a sale, ${expected.toFixed(1)} are to be expected, ${count(atMost)} at most in 999 of 1,000 runs of buyers who come one by one`;
}

/** Why units were sold beyond what exists, as Plumb said while they could be. */
function escrowed({ oversold, explained, unexplained, shortfalls, skus, skusAtEnd }: NonNullable<Verdict['figures']['escrow']>): string {
  const list = (counts: Record<string, number>): string => Object.entries(counts).map(([cause, n]) => `${count(n)} ${cause}`).join(', ') || 'none';
  return `escrow: ${count(skus)} SKUs were in it, ${count(skusAtEnd)} at the end; ${count(oversold)} oversold, of which shortfalls tell of ${list(explained)}, and not of ${count(unexplained)}; shortfalls in all: ${list(shortfalls)}`;
}

const round = (value: number): number => Math.round(value * 100) / 100;
