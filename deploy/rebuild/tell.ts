/** Puts what is known of every SKU into its new journal, as facts in the order that their owner is to hear them in. */
import type { Allowed } from '../../actors/sku/exposure/ledger.ts';
import type { Rule, SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { inBatches } from '../../runtime/batches.ts';
import { encodeJournal, encodeJson, journalHeaders } from '../../runtime/codec.ts';
import type { RuntimeFact } from '../../runtime/handle.ts';
import { perform } from '../../runtime/perform.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import { askSubject, listingSubject, skuSubject } from '../../runtime/subjects.ts';
import type { FoldedSku } from './fold.ts';

/** What one account lists under a SKU. */
export interface Linked { account: string; listing: { id: string; fields: Record<string, string> }; quantity: number; gross: boolean; rule: Rule }

export interface SkuToTell { sku: string; known?: FoldedSku | undefined; linked: Linked[] }

export interface TellPorts {
  publisher: Publisher;
  run: string;
  /** A write from before may take effect until then, epoch ms. */
  until: number;
  /** The most that an account may have been allowed of a SKU in escrow. */
  cap: number;
  now(): number;
}

/** SKUs that are under way. */
const atOnce = 200;

/** @throws {PublishError} when the broker does not answer */
export async function tellAll(ports: TellPorts, skus: readonly SkuToTell[], onProgress: (done: number) => void): Promise<void> {
  await inBatches(skus, atOnce, each => tellOne(ports, each), onProgress);
}

/** Published in one go over one connection, they stand in the journal in this order. */
async function tellOne(ports: TellPorts, { sku, known, linked }: SkuToTell): Promise<void> {
  const { publisher, run, until, cap, now } = ports;
  const sent: Promise<unknown>[] = [];
  const fact = (name: string, body: SkuFact | RuntimeFact): void => {
    sent.push(publisher.publish(skuSubject(sku), encodeJournal(body), journalHeaders({ id: `${name}:${sku}:${run}` })));
  };
  if (known) {
    const { outbox: _below, quarantined: _freed, ...record } = known.record;
    fact('kept', { type: 'record.kept', record });
  }
  fact('lost', { type: 'ledger.lost', until, allowed: allowedOf(known?.stock, linked, cap) });
  for (const { account, listing, gross, rule, quantity } of linked) {
    fact(`link:${account}`, { type: 'listing.linked', account, listing, gross, rule, shown: quantity });
    sent.push(publisher.publish(listingSubject(account, sku), encodeJson({ account, id: listing.id, sku, fields: listing.fields, rule, shown: quantity, at: now() })));
  }
  await Promise.all(sent);
  // What its last facts asked for may never have been performed; under one id a repeat is harmless.
  if (known && known.record.outbox.length > 0) await perform(publisher, known.record.outbox);
  if (known) await ask(ports, sku, known.stock);
}

/**
 * What a SKU in escrow may have allowed since: its cells count as their caps by themselves, and so do channels that it had
 * no cell of.
 */
function allowedOf(stock: Stock | undefined, linked: readonly Linked[], cap: number): Record<string, Allowed> {
  const cells = stock?.exposure?.cells ?? {};
  return Object.fromEntries(linked.filter(({ account }) => !Object.hasOwn(cells, account)).map(({ account, gross }) => [account, { rights: cap, ...(gross && { high: cap }) }]));
}

/** Each source is asked for its number: what it said last may be lost. */
async function ask({ publisher, run, now }: TellPorts, sku: string, { source, lots = {} }: Stock): Promise<void> {
  const sources = new Map(Object.entries(lots).map(([location, lot]) => [location, lot.source]));
  if (source !== undefined) sources.set('', source);
  for (const [location, of] of sources) {
    if (of === undefined) continue;
    const body = { sku, ...(location !== '' && { location }), source: of, missing: 'a count', since: now(), id: `ask:${sku}:${run}:${location}` };
    await publisher.publish(askSubject(of, sku), encodeJson(body));
  }
}
