/**
 * Walmart Marketplace (US), seller-fulfilled quantities. The number written is gross: it includes units in open
 * Walmart orders. A write is one SKU at one ship node and is answered at once, yet only a later read proves it.
 */
import type { AdapterFactory, Call, Listing, ListingPage, Operation, OrderPage, ReadOutcome, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { AmbiguousError, RetryableError, TerminalError } from '../../../errors.ts';
import { Client, ok } from './client.ts';
import type { Reply } from './client.ts';
import { judge } from './errors.ts';
import type { Verdict } from './errors.ts';
import { walmartFeeds } from './feeds.ts';
import { checkScopes, scopesLimit } from './scopes.ts';
import { pageAsk, readAsk, readOutcome, readPage, refusal, writeAsk, writtenNode } from './inventory.ts';
import { openWalk, orderPage, orderPath, staleCursor } from './orders.ts';
import { checked } from './settings.ts';

/** How often one walk over all listings may be begun anew after a cursor was refused. */
const restartsMax = 3;
/** A clock this far ahead of Walmart's is not believed; below, it is the whole second of the `Date` header. */
const skewMs = 2_000;

/** @throws {TypeError} naming the field of `credentials` or `settings` that is wrong */
export const createWalmart: AdapterFactory = (account, ports) => {
  const { credentials, settings } = checked(account);
  const client = new Client(account, credentials, settings, ports);
  const { shipNode } = settings;
  const one = (limit: string): Operation => ({ limit, cost: 1, batch: 1 });
  const operations = {
    write: one(shipNode === undefined ? 'updateInventoryForAnItem' : 'updateMultiNodeInventory'),
    read: one('getMultiNodeInventoryForSkuAndAllShipnodes'),
    orders: { limit: 'getAllOrders', cost: 1, batch: 200 },
    listings: { limit: 'getMultiNodeInventoryForAllSkuAndAllShipNodes', cost: 1, batch: 50 },
  };

  const write = async (entry: WriteEntry, call: Call): Promise<WriteOutcome> => {
    const { signature } = entry;
    if (!Number.isSafeInteger(entry.quantity) || entry.quantity < 0) {
      return { kind: 'refused', signature, class: 'validation', code: 'QUANTITY', message: `no whole number of units: ${entry.quantity}` };
    }
    const ask = writeAsk(entry, shipNode);
    const reply = await client.ask(operations.write.limit, ask, call);
    const { answer, requestId } = reply;
    const written = ok(answer) ? writtenNode(answer.json, entry, shipNode) : judge(answer);
    if (written === undefined) {
      throw new AmbiguousError(`PUT ${ask.path}: ${answer.status} that proves nothing: ${answer.text.slice(0, 200)}`, { status: answer.status, requestId });
    }
    if (written !== 'success') {
      const refused = refusal(entry, written);
      if (refused) return refused;
      // A node that failed at Walmart's side was not written: Walmart says so node by node.
      if (ok(answer)) return { kind: 'retry', signature, code: written.code, message: written.message };
      throw client.failure(written, ask, reply);
    }
    return {
      kind: 'accepted',
      signature,
      reference: requestId,
      verifyAfterMs: settings.verifyAfterMs / ports.timeScale,
      verifyWithinMs: settings.verifyWithinMs / ports.timeScale,
    };
  };

  const read = async (listing: Listing, call: Call): Promise<ReadOutcome> => {
    const ask = readAsk(listing, shipNode);
    const reply = await client.ask(operations.read.limit, ask, call);
    if (ok(reply.answer)) {
      requireJson(ask.path, reply);
      return readOutcome(reply.answer.json, listing, shipNode);
    }
    const judgement = judge(reply.answer);
    const { code, message } = judgement;
    if (judgement.verdict === 'missing') return { kind: 'missing', listing, code, message };
    if (judgement.verdict === 'invalid' || judgement.verdict === 'locked') return { kind: 'failed', listing, code, message };
    throw client.failure(judgement, ask, reply);
  };

  const orders = async (cursor: string | undefined, call: Call): Promise<OrderPage> => {
    const now = ports.now();
    const walk = openWalk(cursor, now, settings);
    const path = orderPath(walk, now, settings);
    const reply = await client.ask(operations.orders.limit, { method: 'GET', path }, call, { buyers: true });
    const askedAt = earlier(now, reply.answer.headers['date']);
    if (ok(reply.answer)) {
      requireJson(path, reply);
      return parsed(path, reply, () => orderPage(walk, reply.answer.json, askedAt, settings, ports.timeScale));
    }
    const judgement = judge(reply.answer);
    if (judgement.verdict === 'missing') return orderPage(walk, undefined, askedAt, settings, ports.timeScale);
    const restarted = judgement.verdict === 'invalid' ? staleCursor(walk) : undefined;
    if (restarted) return restarted;
    throw client.failure(judgement, { method: 'GET', path }, reply);
  };

  /** The port's cursor is `<restarts>:<Walmart's cursor>`. Walmart's is good once: a lost answer costs the walk. */
  const listings = async (cursor: string | undefined, call: Call): Promise<ListingPage> => {
    const [, restarts, next] = /^(\d+):([^]*)$/.exec(cursor ?? '0:') ?? [];
    if (restarts === undefined) throw new TypeError(`listing cursor ${cursor} is not one of ours`);
    const ask = pageAsk(next || undefined);
    const reply = await client.ask(operations.listings.limit, ask, call);
    if (ok(reply.answer)) {
      requireJson(ask.path, reply);
      const page = parsed(ask.path, reply, () => readPage(reply.answer.json, shipNode));
      return { readings: page.readings, ...(page.cursor !== undefined && { cursor: `${restarts}:${page.cursor}` }) };
    }
    const judgement = judge(reply.answer);
    const refused = (verdict: Verdict): boolean => judgement.verdict === verdict;
    if (refused('missing') && !next) return { readings: [] };
    if (refused('invalid') && next && Number(restarts) < restartsMax) return { readings: [], cursor: `${Number(restarts) + 1}:` };
    throw client.failure(judgement, ask, reply);
  };

  return {
    channel: 'walmart',
    gross: true,
    needsReading: false,
    operations,
    checks: { operation: one(scopesLimit), ask: call => checkScopes(client, settings.feeds !== undefined, call) },
    feeds: settings.feeds && walmartFeeds({ ...settings, feeds: settings.feeds }, client, ports.timeScale),
    write: async (entries, call) => [await write(only(entries), call)],
    read: async (asked, call) => [await read(only(asked), call)],
    orders,
    listings,
    tokenExpiresAt: () => client.tokenExpiresAt(),
  };
};

function only<T>(entries: readonly T[]): T {
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) throw new RangeError(`Walmart takes one SKU a call, got ${entries.length}`);
  return entry;
}

/** HTML or an empty body under a 200 comes from an edge, not from Walmart's service, and may pass. */
function requireJson(path: string, { answer, requestId }: Reply): void {
  if (answer.json === undefined) {
    throw new RetryableError(`GET ${path}: ${answer.status} without JSON: ${answer.text.slice(0, 200)}`, { status: answer.status, requestId });
  }
}

/** An answer of an unknown shape is an error that names what is odd, never an empty page. */
function parsed<T>(path: string, { answer, requestId }: Reply, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const message = `GET ${path}: answer of unknown shape: ${(cause as Error).message}`;
    throw new TerminalError(message, { code: 'UNKNOWN_SHAPE', status: answer.status, requestId, cause });
  }
}

function earlier(now: number, dateHeader: string | undefined): number {
  const theirs = Date.parse(dateHeader ?? '');
  return theirs < now - skewMs ? theirs : now;
}
