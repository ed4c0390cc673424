/**
 * What goes wrong on purpose while orders run, announced on screen before it happens and again when Plumb has dealt
 * with it. Each fault becomes an incident: when it began, when it was over, and how long each answer to it took.
 */
import { count, duration } from './format.ts';
import type { Mood } from './format.ts';
import type { ProcessGroup } from './processes.ts';
import type { SandboxAdmin, ShownListing } from './sandbox-admin.ts';
import type { Drift, StatusWatch } from './status.ts';
import { partitionCount } from '../../runtime/subjects.ts';

/** `at` is a share of the time that orders run, 0 to 1. */
export type PlannedFault = { at: number } & (
  | { kind: 'kill-node'; node: string }
  | { kind: 'edit'; account: string }
  | { kind: 'throttle'; account: string; share: number }
  | { kind: 'lose-answer'; account: string }
  | { kind: 'hidden-sale'; account: string }
  | { kind: 'bad-file' }
);

const kill: PlannedFault = { at: 0.12, kind: 'kill-node', node: 'n2' };
const edit: PlannedFault = { at: 0.4, kind: 'edit', account: 'ebay' };
const storm: PlannedFault = { at: 0.55, kind: 'throttle', account: 'amazon', share: 0.1 };
const badFile: PlannedFault = { at: 0.5, kind: 'bad-file' };
const lostAnswer: PlannedFault = { at: 0.75, kind: 'lose-answer', account: 'shopify' };

/** By the name that `--scenario` takes. */
export const scenarios = {
  all: [kill, edit, storm, lostAnswer],
  'kill-node': [kill],
  'hand-edit': [edit],
  'throttle-storm': [storm],
  'lost-answer': [lostAnswer],
  'bad-file': [badFile],
  none: [],
} as const satisfies Record<string, readonly PlannedFault[]>;

export type Scenario = keyof typeof scenarios;

/** The lie test: the referee must notice a unit that Plumb could never hear of. */
export const hiddenSale: PlannedFault = { at: 0.5, kind: 'hidden-sale', account: 'walmart' };

export interface Incident {
  kind: PlannedFault['kind'];
  /** The account or node it hit. */
  target: string;
  /** SKUs whose number at the account was changed behind Plumb's back. */
  skus?: readonly string[];
  /** Epoch ms. `until` is when Plumb had dealt with it, or when we gave up waiting. */
  from: number;
  until: number;
  /** True when Plumb dealt with it within the time we waited. */
  answered: boolean;
  /** Named durations in ms and counts. */
  figures: Record<string, number>;
}

export interface FaultPorts {
  processes: ProcessGroup;
  watch: StatusWatch;
  admins: ReadonlyMap<string, SandboxAdmin>;
  announce(text: string, mood?: Mood): void;
  /** Hears every drift message from now on; returns how to stop. */
  onDrift(hear: (drift: Drift) => void): () => void;
  /** SKUs that are bought, cancelled or corrected within so long. */
  moving(withinMs: number): ReadonlySet<string>;
  /** Units that somebody adds by hand. */
  editBy: number;
  /** A number edited by hand is found within, ms. */
  detectMs: number;
  /** What an account's owner answers to a command, `control.channel.<account>`. */
  command(account: string, command: string): Promise<Record<string, unknown>>;
  /** How long orders run, ms. */
  durationMs: number;
  signal: AbortSignal;
}

/** Changes that are on their way at any time while orders run. */
const stragglers = 20;
/** Units that do not sell out while a file is looked at. */
const plenty = 5;

/** A storm ends after so long, however long orders run, ms. */
const stormMostMs = 10_000;

/** How long Plumb may take to deal with a fault before the demo stops waiting for it, ms. */
const answerWithinMs = 45_000;

/** Lets the plan happen; resolves once every fault was dealt with or given up on. Times count from the call. */
export async function runFaults(plan: readonly PlannedFault[], ports: FaultPorts): Promise<Incident[]> {
  return Promise.all(plan.map(async fault => {
    await pause(fault.at * ports.durationMs, ports.signal);
    return perform(fault, ports);
  }));
}

function perform(fault: PlannedFault, ports: FaultPorts): Promise<Incident> {
  switch (fault.kind) {
    case 'kill-node': return killNode(fault.node, ports);
    case 'edit': return editByHand(fault.account, ports);
    case 'throttle': return throttle(fault.account, Math.min(stormMostMs, Math.round(fault.share * ports.durationMs)), ports);
    case 'lose-answer': return loseAnswer(fault.account, ports);
    case 'hidden-sale': return sellHidden(fault.account, ports);
    case 'bad-file': return sendBadFile(ports);
  }
}

async function killNode(node: string, { processes, watch, announce, signal }: FaultPorts): Promise<Incident> {
  const before = watch.current.nodes.find(({ id }) => id === node)?.answer;
  announce(`kill -9 of node ${node}: ${count(before?.partitions.length ?? 0)} of ${partitionCount} SKU partitions`
    + `${before?.accounts.length ? ` and ${before.accounts.join(', ')}` : ''} lose their owner in the middle of the rush`, 'fault');
  const accounts = watch.current.channels.length;
  const from = Date.now();
  await processes.kill(node);
  const served = await until(async () => {
    const owned = await watch.owners();
    return !owned.nodes.includes(node) && owned.partitions.size === partitionCount && owned.accounts.size === accounts;
  }, signal);
  const until_ = Date.now();
  if (served) announce(`every partition and marketplace has an owner again after ${duration(until_ - from)}; nothing was lost, see the verdict`, 'good');
  else announce(`partitions without an owner ${duration(until_ - from)} after ${node} died`, 'bad');
  await pause(1_500, signal);
  await processes.restart(node);
  const restartedAt = Date.now();
  const took = await until(async () => (await watch.owners()).nodes.includes(node)
    && (watch.current.nodes.find(({ id, alive }) => id === node && alive)?.answer?.partitions.length ?? 0) > 0, signal);
  if (took) announce(`node ${node} is started again and has taken its share back after ${duration(Date.now() - restartedAt)}`, 'good');
  return { kind: 'kill-node', target: node, from, until: until_, answered: served, figures: { unservedMs: until_ - from } };
}

/** Edits a number until one is not overwritten by an ordinary sale before anybody could notice; three times at most. */
async function editByHand(account: string, ports: FaultPorts): Promise<Incident> {
  const edited: string[] = [];
  for (;;) {
    const { sku, ...incident } = await editOnce(account, new Set(edited), ports);
    edited.push(sku);
    if (!incident.figures.overwritten || edited.length > 2 || ports.signal.aborted) return { ...incident, skus: edited };
    ports.announce(`a sale of ${sku} corrected ${account} before anybody looked; another one is edited`);
  }
}

async function editOnce(account: string, not: ReadonlySet<string>, { admins, announce, command, moving, editBy, detectMs, onDrift, signal }: FaultPorts): Promise<Incident & { sku: string }> {
  const admin = admins.get(account)!;
  const { skus = [], everyMs = 0 } = await command(account, 'watched') as { skus?: string[]; everyMs?: number };
  const watched = new Set(skus);
  const listing = await quietListing(account, admins, { not, moving: moving(detectMs), rather: watched });
  const wrong = listing.buyable + editBy;
  let detectedMs: number | undefined;
  let healedMs: number | undefined;
  let overwritten = false;
  const from = Date.now();
  const stop = onDrift(({ account: where, sku, state }) => {
    if (where !== account || sku !== listing.sku) return;
    if (state === 'resolved') healedMs ??= Date.now() - from;
    else if (detectedMs === undefined) {
      detectedMs = Date.now() - from;
      announce(`Plumb read ${account} back and noticed it after ${duration(detectedMs)}`, 'good');
    }
  });
  announce(`somebody edits SKU ${listing.sku} by hand at ${account}: ${listing.buyable} becomes ${wrong}, stock that does not exist`
    + `${watched.has(listing.sku) ? `; it is one of ${count(watched.size)} that are read every ${duration(everyMs)}` : ''}`, 'fault');
  const read = (await admin.ledger()).length;
  await admin.edit(listing.sku, wrong);
  await until(async () => {
    if (healedMs === undefined && detectedMs === undefined) {
      const last = (await admin.ledger(read)).findLast(entry => entry.sku === listing.sku && entry.kind === 'shown');
      overwritten = last?.kind === 'shown' && last.by === 'write' && last.at > from;
    }
    return healedMs !== undefined || overwritten;
  }, signal, Math.max(answerWithinMs, detectMs));
  // The message about it may still be on its way.
  if (overwritten) overwritten = !await until(() => detectedMs !== undefined, signal, 1_500);
  if (!overwritten) await until(() => healedMs !== undefined, signal, 15_000);
  stop();
  if (healedMs !== undefined) announce(`${account} shows the truth for ${listing.sku} again, ${duration(healedMs)} after the edit`, 'good');
  else if (!overwritten) announce(`the edit of ${listing.sku} at ${account} is not healed after ${duration(Date.now() - from)}`, 'bad');
  return {
    kind: 'edit', target: account, sku: listing.sku, from, until: Date.now(), answered: healedMs !== undefined,
    figures: { ...(detectedMs !== undefined && { detectedMs }), ...(healedMs !== undefined && { healedMs }), ...(overwritten && { overwritten: 1 }), ...(watched.has(listing.sku) && { watched: 1 }) },
  };
}

async function throttle(account: string, forMs: number, { admins, watch, announce, signal }: FaultPorts): Promise<Incident> {
  const throttledBefore = (await admins.get(account)!.counts()).throttled ?? 0;
  const pendingBefore = pendingOf(watch, account);
  announce(`${account} answers 429 to every call for ${duration(forMs)}`, 'fault');
  const from = Date.now();
  await admins.get(account)!.fault({ kind: 'throttle', on: 'any', forMs: Math.max(1, forMs) });
  await pause(forMs, signal);
  const overAt = Date.now();
  const refused = ((await admins.get(account)!.counts()).throttled ?? 0) - throttledBefore;
  const waiting = pendingOf(watch, account);
  announce(`the storm is over: ${count(refused)} calls were refused, ${count(waiting)} changes wait, none is lost`);
  const caughtUp = await until(() => watch.current.at > overAt && pendingOf(watch, account) <= pendingBefore + 2, signal);
  const catchUpMs = Date.now() - overAt;
  if (caughtUp) announce(`${account} has caught up ${duration(catchUpMs)} after the storm`, 'good');
  else announce(`${account} has not caught up ${duration(catchUpMs)} after the storm`, 'bad');
  return { kind: 'throttle', target: account, from, until: Date.now(), answered: caughtUp, figures: { refused, catchUpMs } };
}

async function loseAnswer(account: string, { admins, watch, announce, signal }: FaultPorts): Promise<Incident> {
  const ambiguous = (): number => watch.current.channels.find(channel => channel.account === account)?.totals.ambiguous ?? 0;
  const before = ambiguous();
  const injected = async (): Promise<number> => (await admins.get(account)!.counts()).faults['lose-answer'] ?? 0;
  const injectedBefore = await injected();
  announce(`the next write at ${account} is carried out and its answer lost on the way`, 'fault');
  const armedAt = Date.now();
  await admins.get(account)!.fault({ kind: 'lose-answer', on: 'write', count: 1 });
  const hit = await until(async () => await injected() > injectedBefore, signal);
  const from = hit ? Date.now() : armedAt;
  const noticed = hit && await until(() => ambiguous() > before, signal);
  const noticedMs = Date.now() - from;
  if (noticed) announce(`no answer from ${account} for ${duration(noticedMs)}: Plumb counts the write as possibly applied, and makes sure before it goes on`, 'good');
  else announce(hit ? `the lost answer at ${account} was not noticed` : `no write came to ${account} whose answer could be lost`, hit ? 'bad' : 'plain');
  return { kind: 'lose-answer', target: account, from, until: Date.now(), answered: noticed || !hit, figures: { hit: hit ? 1 : 0, noticedMs } };
}

/** A full count that says nothing is left of anything: it must be held, and is dropped once somebody has looked. */
async function sendBadFile({ admins, processes, watch, command, announce, signal }: FaultPorts): Promise<Incident> {
  const before = await Promise.all([...admins].map(async ([account, admin]) => [account, (await admin.listings()).filter(({ buyable }) => buyable >= plenty).map(({ sku }) => sku)] as const));
  announce('the ERP sends a full count file in which every number is 0, and it is wrong', 'fault');
  const from = Date.now();
  const told = watch.current.dead.length;
  processes.tell('feed', { type: 'recount', wrong: true });
  const held = await until(() => watch.current.dead.slice(told).filter(({ body }) => body['class'] === 'governor' && body['resolved'] === undefined).length === admins.size, signal);
  const heldMs = Date.now() - from;
  let dropped = 0;
  for (const account of admins.keys()) {
    const { held: moves = [] } = await command(account, 'held') as { held?: { sku: string; shown: number; would: number }[] };
    const { listings = 0 } = await command(account, 'drop zero demo') as { listings?: number };
    announce(`${account} holds ${count(moves.length)} listings${moves[0] ? `, ${moves.slice(0, 3).map(({ sku, shown, would }) => `${sku} ${shown}→${would}`).join(', ')} …` : ''}: dropped`);
    dropped += listings;
  }
  let zeroed = 0;
  let all = 0;
  for (const [account, skus] of before) {
    const now = new Map((await admins.get(account)!.listings()).map(({ sku, buyable }) => [sku, buyable]));
    zeroed += skus.filter(sku => now.get(sku) === 0).length;
    all += skus.length;
  }
  announce(held ? `held after ${duration(heldMs)}: ${count(zeroed)} of ${count(all)} listings with ${plenty} units or more show none, ${count(dropped)} were kept from it` : 'nothing was held', held ? 'good' : 'bad');
  processes.tell('feed', { type: 'recount', wrong: false });
  announce('the ERP sends the right file');
  const sentAt = Date.now();
  const right = await until(() => watch.current.at > sentAt + 2_000 && watch.current.channels.every(({ answer }) => (answer?.pending ?? Infinity) <= stragglers), signal);
  if (right) announce(`every marketplace has taken it ${duration(Date.now() - sentAt)} later`, 'good');
  return { kind: 'bad-file', target: 'erp', from, until: Date.now(), answered: held, figures: { heldMs, dropped, zeroed, zeroedShare: all === 0 ? 1 : zeroed / all } };
}

async function sellHidden(account: string, { admins, announce }: FaultPorts): Promise<Incident> {
  const listing = await quietListing(account, admins);
  const from = Date.now();
  await admins.get(account)!.hiddenSale(listing.sku, 1);
  announce(`the referee is lied to: one unit of ${listing.sku} is sold at ${account} and no order tells of it. The verdict must be no`, 'fault');
  return { kind: 'hidden-sale', target: account, skus: [listing.sku], from, until: from, answered: true, figures: {} };
}

/** Plenty in stock, little sold anywhere and not about to move: nobody is hurt by a wrong number, and no sale hides it. */
async function quietListing(
  account: string, admins: ReadonlyMap<string, SandboxAdmin>,
  { not = new Set(), moving = new Set(), rather = new Set() }: { not?: ReadonlySet<string>; moving?: ReadonlySet<string>; rather?: ReadonlySet<string> } = {},
): Promise<ShownListing> {
  const all = await Promise.all([...admins.values()].map(admin => admin.listings()));
  const sold = new Map<string, number>();
  for (const listing of all.flat()) sold.set(listing.sku, (sold.get(listing.sku) ?? 0) + listing.sold);
  const candidates = (await admins.get(account)!.listings()).filter(({ sku, active, buyable }) => active && buyable >= 5 && !not.has(sku));
  const [quietest] = candidates.sort((a, b) => Number(moving.has(a.sku)) - Number(moving.has(b.sku)) || Number(rather.has(b.sku)) - Number(rather.has(a.sku)) || sold.get(a.sku)! - sold.get(b.sku)! || a.buyable - b.buyable);
  if (!quietest) throw new Error(`${account} shows no listing with 5 or more units`);
  return quietest;
}

function pendingOf(watch: StatusWatch, account: string): number {
  return watch.current.channels.find(channel => channel.account === account)?.answer?.pending ?? 0;
}

/** True once the condition holds; false when it did not in time, or when the demo ends. */
async function until(holds: () => boolean | Promise<boolean>, signal: AbortSignal, withinMs = answerWithinMs): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end && !signal.aborted; await pause(250, signal)) {
    if (await holds()) return true;
  }
  return false;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
