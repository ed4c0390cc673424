/** What people ask of an account's owner, and what it shows of itself. */
import type { Operation } from '../../actors/channel/adapter.ts';
import type { Move } from '../../actors/channel/governor.ts';
import { anewCode } from '../../actors/sku/protocol.ts';
import { importListings } from '../import.ts';
import { checkAccount } from './checks.ts';
import { drain } from './drain.ts';
import { obeyGolive } from './golive.ts';
import { rowsOf } from './import-rows.ts';
import type { ImportRecord } from './importing.ts';
import { match, matchesOf } from './matching.ts';
import type { Desk } from './ports.ts';

const commands = 'import, import start <who>, import table <table> <who>, import rows <rows>, import state, match <matches> <who>, match? <matches>, freeze <who>, drain <who>, resume <who>, probe <who>, retry <sku>, nudge <hint>, watched, held, release or drop <zero|raise> <who>, stage, stage <connect|shadow> <who>, golive check <slice>, golive <slice> <who>, look, compare <page>';

/** Carries out one command (`commands`). Answers `{ ok: true, … }` or `{ ok: false, error }`; never throws. */
export async function obey(desk: Desk, command: string): Promise<object> {
  const { ports: { account, log } } = desk;
  // Notifications come by the hundred.
  log[command.startsWith(nudgeOf) ? 'debug' : 'info']({ account, command }, 'command');
  try {
    switch (command) {
      case 'import':
        return await importAnd(desk);
      case 'import state':
        return { ok: true, import: desk.importing().state ?? null };
      case 'watched':
        return { ok: true, everyMs: desk.ports.times.watch.everyMs, skus: desk.watched() };
      case 'held':
        return { ok: true, held: desk.holds().list(), limits: desk.ports.governor };
      default: {
        const begin = /^import start (.+)$/.exec(command);
        if (begin) return { ok: true, import: await desk.importing().begin(begin[1]!) };
        const table = /^import table (\{.*\}) (.+)$/.exec(command);
        if (table) return { ok: true, import: await beginTable(desk, JSON.parse(table[1]!), table[2]!) };
        if (command.startsWith(rowsWord)) return { ok: true, import: await takeRows(desk, JSON.parse(command.slice(rowsWord.length))) };
        const matching = /^match(?:\? (\[.*\])| (\[.*\]) (.+))$/.exec(command);
        if (matching) return { ok: true, matched: await match(desk, matchesOf(JSON.parse(matching[1] ?? matching[2]!)), matching[3]) };
        const stop = /^(freeze|resume|drain)(?: (.+))?$/.exec(command);
        if (stop) return await obeyStop(desk, stop[1] as 'freeze' | 'resume' | 'drain', stop[2] ?? 'somebody over NATS');
        const decision = /^(release|drop) (zero|raise) (.+)$/.exec(command);
        if (decision) return { ok: true, listings: await desk.holds().decide(decision[2] as Move, decision[1] as 'release' | 'drop', decision[3]!) };
        const probe = /^probe (.+)$/.exec(command);
        if (probe) return askProbe(desk, probe[1]!);
        if (command.startsWith(retryOf)) return retry(desk, command.slice(retryOf.length));
        if (command.startsWith(nudgeOf)) return nudge(desk, command.slice(nudgeOf.length));
        const answer = await obeyGolive(desk, command, async () => { if (desk.ports.adapter.checks) await payWhenFree(desk, desk.ports.adapter.checks.operation); });
        if (answer) return answer;
        return { ok: false, error: `unknown command ${JSON.stringify(command)}: ${commands}` };
      }
    }
  } catch (error) {
    log.warn({ err: error, account, command }, 'command failed');
    return { ok: false, error: (error as Error).message };
  }
}

const rowsWord = 'import rows ';
const retryOf = 'retry ';
const nudgeOf = 'nudge ';

/** @param hint `{"orders":true,"listings":["<SKU or vendor id>"],"feeds":true}`: what the channel told of is looked at now */
function nudge(desk: Desk, hint: string): object {
  const { orders, listings, feeds } = JSON.parse(hint) as { orders?: unknown; listings?: unknown; feeds?: unknown };
  const names = listings === undefined ? [] : listings;
  if (!Array.isArray(names) || names.some(name => typeof name !== 'string')) return { ok: false, error: `nudge: listings: a list of names is wanted, got ${JSON.stringify(listings)}` };
  return { ok: true, orders: orders === true, listings: desk.nudge({ orders: orders === true, listings: names as string[], ...(feeds === true && { feeds }) }) };
}

/** @param given `{"digest":"…","of":1200}`: a table of listings, and how many rows it has */
function beginTable(desk: Desk, { digest, of }: { digest?: unknown; of?: unknown }, by: string): Promise<ImportRecord> {
  if (typeof digest !== 'string' || digest === '') throw new RangeError(`import table: digest: must be a text that is not empty, got ${JSON.stringify(digest)}`);
  return desk.importing().beginTable(digest, wholeOf('import table: of', of, 1), by);
}

/** @param given `{"from":0,"rows":[{"id":"…","sku":"…","fields":{}}]}` */
function takeRows(desk: Desk, { from, rows }: { from?: unknown; rows?: unknown }): Promise<ImportRecord> {
  return desk.importing().rows(wholeOf('import rows: from', from, 0), rowsOf(rows));
}

function wholeOf(name: string, value: unknown, least: number): number {
  if (!Number.isSafeInteger(value) || Number(value) < least) throw new RangeError(`${name}: must be a whole number from ${least} on, got ${JSON.stringify(value)}`);
  return value as number;
}

/** Writing stops, or everything goes to zero, or all is as it was. */
async function obeyStop(desk: Desk, what: 'freeze' | 'resume' | 'drain', by: string): Promise<object> {
  const { health, journal } = desk;
  if (what === 'freeze') health.tell({ type: 'freeze', reason: `by ${by}` });
  if (what === 'resume') health.tell({ type: 'resume' });
  const moved = what === 'freeze' ? {} : await drain(desk, what === 'drain', by);
  journal.control(what, by, moved);
  return { ok: true, state: health.state, ...moved };
}

/** What the account declares of its writes is looked at now, and not when its time has come. */
function askProbe({ conformance, journal, ports: { account } }: Desk, by: string): object {
  if (!conformance) return { ok: false, error: `${account} has no test listing: accounts[].probe.listing in the configuration` };
  const against = conformance.ask();
  if (against !== undefined) return { ok: false, error: against };
  journal.control('probe asked', by);
  return { ok: true, message: `what ${account} declares of its writes is looked at: plumb inspect channel ${account} has what was found as promise` };
}

/** What was refused for good, or rests, is tried once more now. */
function retry({ ports: { account }, pairs, pending, journal, wake }: Desk, sku: string): object {
  const job = pending.get(sku);
  // In escrow a write is its SKU's to store anew.
  if (job && pairs.get(sku)?.cell) {
    const { signature, quantity } = job;
    journal.tell(sku, `retry:${account}:${signature}:${Date.now()}`, { type: 'write.answered', account, signature, outcome: 'refused', quantity, code: anewCode });
    return { ok: true, message: `${sku} is asked what ${account} is to be written` };
  }
  if (!pending.unblock(sku, Date.now())) return { ok: false, error: `nothing is pending for ${JSON.stringify(sku)} at ${account}` };
  wake(0);
  return { ok: true, message: `${account} tries ${sku} again` };
}

/** What the account does not allow is told before a write of it finds out. */
async function importAnd(desk: Desk): Promise<object> {
  const { checks } = desk.ports.adapter;
  const refused = await checkAccount(desk, async () => { if (checks) await payWhenFree(desk, checks.operation); });
  return { ok: true, linked: await importAll(desk), ...(refused.length > 0 && { refused }) };
}

function importAll(desk: Desk): Promise<number> {
  const { ports, journal, call } = desk;
  return importListings({
    ...ports,
    publish: (sku, id, fact) => journal.fact(sku, id, fact),
    pay: operation => payWhenFree(desk, operation),
    call: (operation, work) => call(operation.limit, [], work),
  });
}

/** Waits for rate and pays one call. @throws {Error} when the account is released meanwhile */
export async function payWhenFree({ ports: { account }, budget, counts, isOver }: Desk, operation: Operation): Promise<void> {
  for (;;) {
    if (isOver()) throw new Error(`${account} was released meanwhile`);
    const wait = budget.pay(operation, Date.now());
    if (wait === 0) break;
    await new Promise(resolve => setTimeout(resolve, Math.min(250, Math.max(5, wait))));
  }
  counts.calls += 1;
}

export function figuresOf(desk: Desk): Record<string, unknown> {
  const now = Date.now();
  const { ports: { account, adapter, node }, pairs, health, budget, findings, counts } = desk;
  const { lanes, blocked, held, muted, overdue, oldestMs } = desk.pending.figures(now);
  const { ages, classes, proven, drained, sweepMs, load } = desk.proof(now, true);
  return {
    account,
    channel: adapter.channel,
    node,
    state: health.state,
    stage: desk.stage.name,
    isWhole: desk.stage.name === 'live' && desk.stage.slice === undefined,
    listings: pairs.size,
    proven,
    pending: desk.pending.size - blocked - held - muted,
    blocked,
    held,
    muted,
    overdue,
    lanes,
    drained,
    drifted: findings.open,
    exposure: desk.cells.figures,
    ...(desk.conformance && { promise: desk.conformance.figures }),
    ...counts,
    proofAgeMs: ages,
    proofs: classes,
    proofBudget: { sweepMs, load, watched: desk.watched().length },
    oldestPendingMs: oldestMs,
    breaker: health.mayWrite ? 'closed' : 'open',
    tokenExpiresAt: adapter.tokenExpiresAt(),
    ordersCompleteThrough: desk.ordersCompleteThrough(),
    // Were nothing else to come: writes by their rate, verifications by theirs.
    drainMs: {
      writes: budget.drainMs(adapter.operations.write, Math.ceil((lanes.zero + lanes.decrease + lanes.raise) / adapter.operations.write.batch), now),
      verify: budget.drainMs(adapter.operations.read, Math.ceil(lanes.verify / adapter.operations.read.batch), now),
    },
    ...(desk.revisions && { revisionsHeld: desk.revisions.held(now) }),
    budgets: budget.figures(now),
  };
}
