/** One SKU through time: its journal folded again, message by message, with the calls that its channels were made. */
import type { NatsConnection } from 'nats';
import { openUnits } from '../../actors/sku/lines.ts';
import { lotsOf } from '../../actors/sku/lots.ts';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { partitionOf } from '../../runtime/subjects.ts';
import { readIncident, replayOf } from '../replay.ts';
import { attemptsOf } from '../trace.ts';
import type { Attempt } from '../trace.ts';
import { owedBy } from './catalogue.ts';
import { factText } from './fact-text.ts';
import type { Moment, OutletStand, SkuHistory, Stand } from './protocol.ts';

/** The newest ones are told; a slider has no more places. */
const momentsMost = 1_000;

/**
 * Undefined for a SKU that nothing was ever said of.
 *
 * @throws {Error} when the connection is closed; {RangeError} for a name that no SKU can have; {NoSettingsError}
 */
export async function historyOf(nc: NatsConnection, sku: string): Promise<SkuHistory | undefined> {
  const incident = await readIncident(nc, sku);
  if (incident.messages.length === 0 && !incident.record) return undefined;
  const fold = replayOf(incident);
  const shown = new Shown();
  const moments: Moment[] = [];
  for (const message of incident.messages) {
    const { before, after, poison, leftOut } = fold.step(message);
    const fact = message.body as SkuFact;
    shown.note(fact, before.context, after.context);
    const told = factText(fact);
    const decided = decisions(before.context, after.context);
    const text = leftOut ? `${told.text}: left out by a person` : poison ? `${told.text}: ${poison.message}` : [told.text, ...decided].join('; ');
    moments.push({ ...told, text, at: message.at, seq: message.seq, ...(poison && { mood: 'bad' as const }), stand: standOf(after.context, shown) });
    if (poison) break;
  }
  const all = [...moments, ...calls(await attemptsOf(nc, sku), moments)].sort((a, b) => a.at - b.at || Number(a.seq === undefined) - Number(b.seq === undefined));
  const { quarantined } = (incident.record ?? {}) as ActorRecord<Stock>;
  return {
    sku, partition: partitionOf(sku),
    ...(quarantined && { quarantined: quarantined.error }),
    facts: incident.messages.length,
    accounts: Object.keys(fold.record.context.outlets).sort(),
    moments: all.slice(-momentsMost),
  };
}

/** What buyers see by account, as the journal lets anybody know. */
class Shown {
  readonly #shows = new Map<string, number>();

  note(fact: SkuFact, before: Stock, after: Stock): void {
    for (const [account, { shown, intent, proof }] of Object.entries(after.outlets)) {
      const former = before.outlets[account];
      if (shown !== undefined) this.#shows.set(account, shown);
      // By its own sale or restock it should show that already.
      else if (intent?.kind === 'verify' && intent.version !== former?.intent?.version) this.#shows.set(account, intent.quantity);
      if (proof && proof.at !== former?.proof?.at) this.#shows.set(account, proof.quantity);
    }
    if (fact?.type === 'observed') this.#shows.set(fact.account, fact.quantity);
  }

  of(account: string): number | null {
    return this.#shows.get(account) ?? null;
  }
}

function standOf(stock: Stock, shown: Shown): Stand {
  const available = known(stock) ?? null;
  let onHand: number | null = null;
  let reserved = 0;
  for (const [, lot] of lotsOf(stock)) {
    if (lot.onHand !== undefined) onHand = (onHand ?? 0) + lot.onHand;
    reserved += lot.reserved;
  }
  return {
    available, onHand, reserved,
    sold: available === null || onHand === null ? 0 : onHand - reserved - available,
    ...(stock.exposure && { escrow: { why: stock.exposure.why, debt: owedBy(stock) } }),
    outlets: Object.fromEntries(Object.keys(stock.outlets).map(account => [account, outletOf(stock, account, shown.of(account))])),
  };
}

function outletOf(stock: Stock, account: string, shows: number | null): OutletStand {
  const { intent, proof, drained, gross } = stock.outlets[account]!;
  const cell = stock.exposure?.cells[account];
  const ordered = gross ? openUnits(stock, account) : 0;
  const free = (units: number): number => Math.max(0, units - ordered);
  const inCell = (units: number | undefined): number | null => (units === undefined ? null : free(units));
  const rest = { ...(ordered > 0 && { ordered }), ...(drained && { drained }) };
  if (cell) return { should: inCell(cell.intent?.to ?? (cell.mark?.waited ? cell.mark.value : cell.shown)), shows: inCell(cell.shown), proven: !cell.intent && !cell.mark?.waited, rights: cell.rights, ...rest };
  return { should: intent ? free(intent.quantity) : null, shows: shows === null ? null : free(shows), proven: intent !== undefined && proof?.version === intent.version, ...(intent && { signature: intent.signature }), ...rest };
}

/** What was decided by one message, an account a phrase. */
function decisions(before: Stock, after: Stock): string[] {
  const byQuantity = new Map<number, string[]>();
  for (const [account, { intent }] of Object.entries(after.outlets)) {
    if (!intent || intent.signature === before.outlets[account]?.intent?.signature) continue;
    byQuantity.set(intent.quantity, [...byQuantity.get(intent.quantity) ?? [], account]);
  }
  return [...byQuantity].map(([quantity, accounts]) => `${accounts.join(', ')} to show ${quantity}`);
}

/** Calls stand in a journal of their own: each is shown with how the SKU stood then. */
function calls(attempts: readonly Attempt[], moments: readonly Moment[]): Moment[] {
  const unknown: Stand = { available: null, onHand: null, reserved: 0, sold: 0, outlets: {} };
  return attempts.map(({ body: { op, account, quantity, attempt, at, outcome, exchanges } }): Moment => {
    const { kind, code, message } = outcome as { kind: string; code?: string; message?: string };
    const isRead = op === 'read';
    const http = exchanges?.at(-1);
    const answer = http ? ` (${http.status ?? 'no answer'} in ${http.ms} ms)` : '';
    const isGood = ['applied', 'accepted', 'equal', 'read', 'found'].includes(kind);
    return {
      at, kind: isRead ? 'read' : 'write', account,
      text: `${isRead ? 'read back' : `${op} of ${quantity}${attempt > 0 ? `, try ${attempt + 1}` : ''}`}: ${kind}${code === undefined ? '' : ` ${code}`}${message === undefined || isGood ? '' : `: ${message}`}${answer}`,
      ...(!isGood && !isRead && { mood: 'bad' as const }),
      stand: moments.findLast(moment => moment.at <= at)?.stand ?? unknown,
    };
  });
}
