/**
 * Any marketplace with a plain REST API, described by a mapping (`mapping.ts`): the sixth channel, and the one for
 * those that need no code. docs/add-a-channel.md tells when a channel wants an adapter of its own instead.
 */
import { z } from 'zod';
import type { AdapterFactory, Call, Listing, Operation, OrderPage, ReadOutcome, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { TerminalError } from '../../../errors.ts';
import { Client } from './client.ts';
import { failure, judge, verdictOf } from './errors.ts';
import { checked } from './mapping.ts';
import type { LimitName } from './mapping.ts';
import { listingRow, nextPage, orderRow, pageInput, resultRow, rowsOf } from './rows.ts';
import type { ResultRow } from './rows.ts';

/** Where a poll of orders stands: complete through `through`, now paging what changed since. */
const cursorSchema = z.strictObject({ through: z.number(), since: z.number(), until: z.number().optional(), at: z.string().optional() });

const ok = (status: number): boolean => status >= 200 && status < 300;

/** @throws {TypeError} when credentials or mapping are wrong, naming field and value */
export const createGenericRest: AdapterFactory = (account, ports) => {
  const given = checked(account);
  const { mapping } = given;
  const { write, read, orders, listings, errors, requestIdHeader } = mapping;
  const client = new Client(account, given, ports);
  const scaled = (vendorMs: number): number => vendorMs / ports.timeScale;
  const operation = (limit: LimitName, batch: number): Operation => ({ limit, cost: 1, batch });
  const within = (what: string, count: number, most: number): void => {
    if (count > most) throw new RangeError(`${account.account} ${what} ${most} at a time, got ${count}`);
  };

  async function writeAll(entries: readonly WriteEntry[], call: Call): Promise<WriteOutcome[]> {
    const asked = entries.map(({ listing: { id, sku, fields }, quantity, signature, last }) => ({ id, sku, fields, quantity, signature, ...(last && { last }) }));
    const { answer, what } = await client.send('write', write.request, { entries: asked }, call);
    if (!ok(answer.status)) {
      const judgement = await judge(errors, answer);
      const { verdict } = judgement;
      if (entries.length > 1 || verdict === 'throttled' || verdict === 'server' || verdict === 'auth') throw failure(judgement, what, answer, requestIdHeader, true);
      return [outcomeOf(entries[0]!, { id: entries[0]!.listing.id, ok: false, status: answer.status, code: judgement.code, message: judgement.message })];
    }
    if (!write.rows || !write.row) return entries.map(accepted);
    const results = await rowsOf({ rows: write.rows, row: write.row }, resultRow, answer, what, true);
    return entries.map(entry => {
      const result = results.find(({ id }) => id === entry.listing.id);
      // No word about an entry proves nothing of it: it is read back.
      return result ? outcomeOf(entry, result) : accepted(entry);
    });
  }

  function accepted({ signature }: WriteEntry): WriteOutcome {
    return { kind: 'accepted', signature, verifyAfterMs: scaled(write.verifyAfterMs), verifyWithinMs: scaled(write.verifyWithinMs) };
  }

  function outcomeOf(entry: WriteEntry, { ok: taken, status, code, message = 'refused without a reason', quantity, version }: ResultRow): WriteOutcome {
    const { signature } = entry;
    if (taken) return quantity === undefined ? accepted(entry) : { kind: 'applied', signature, quantity, ...(version !== undefined && { version }) };
    const told = { signature, code: code ?? String(status ?? 'refused'), message };
    switch (verdictOf(errors, status ?? 400, code)) {
      case 'conflict': return { kind: 'conflict', ...told };
      case 'throttled': case 'busy': return { kind: 'retry', ...told };
      // Their server failed at this entry, or so it says: only a read tells.
      case 'server': return { ...accepted(entry), reference: `${told.code} ${message}` } as WriteOutcome;
      case 'listing': return { kind: 'refused', class: 'listing', ...told };
      case 'auth': case 'validation': return { kind: 'refused', class: 'validation', ...told };
    }
  }

  return {
    channel: 'generic-rest',
    gross: mapping.gross,
    needsReading: mapping.condition !== 'none',
    operations: {
      write: operation('write', write.batch),
      read: operation('read', read.batch),
      orders: operation('orders', 1),
      listings: operation('listings', 1),
    },

    async write(entries, call) {
      within('writes', entries.length, write.batch);
      const outcomes = new Map<WriteEntry, WriteOutcome>();
      for (const entry of entries) {
        const { signature, quantity, listing, last } = entry;
        if (!Number.isSafeInteger(quantity) || quantity < 0) outcomes.set(entry, { kind: 'refused', signature, class: 'validation', code: 'quantity', message: `${listing.sku}: ${quantity} is no whole number >= 0` });
        else if (mapping.condition === 'version' ? last?.version === undefined : mapping.condition === 'quantity' && !last) {
          outcomes.set(entry, { kind: 'conflict', signature, code: 'unread', message: `${listing.sku}: a conditional write wants a reading first` });
        }
      }
      const sent = entries.filter(entry => !outcomes.has(entry));
      if (sent.length > 0) (await writeAll(sent, call)).forEach((outcome, n) => outcomes.set(sent[n]!, outcome));
      return entries.map(entry => outcomes.get(entry)!);
    },

    async read(wanted, call) {
      within('reads', wanted.length, read.batch);
      if (wanted.length === 0) return [];
      const { answer, what } = await client.send('read', read.request, { listings: wanted }, call);
      const missing = (listing: Listing, code: string, message: string): ReadOutcome => ({ kind: 'missing', listing, code, message });
      if (!ok(answer.status)) {
        const judgement = await judge(errors, answer);
        if (judgement.verdict === 'listing' && wanted.length === 1) return [missing(wanted[0]!, judgement.code, judgement.message)];
        throw failure(judgement, what, answer, requestIdHeader, false);
      }
      const readings = new Map((await rowsOf(read, listingRow, answer, what)).map(reading => [reading.listing.id, reading]));
      return wanted.map(listing => {
        const reading = readings.get(listing.id);
        return reading ? { kind: 'read', reading: { ...reading, listing } } : missing(listing, 'unanswered', `${listing.sku} is not in the answer`);
      });
    },

    async listings(cursor, call) {
      const { answer, what } = await client.send('listings', listings.request, pageInput(listings.paging, cursor), call);
      if (!ok(answer.status)) throw failure(await judge(errors, answer), what, answer, requestIdHeader, false);
      const readings = await rowsOf(listings, listingRow, answer, what);
      const next = await nextPage(listings.paging, cursor, answer);
      return { readings, ...(next !== undefined && { cursor: next }) };
    },

    async orders(cursor, call): Promise<OrderPage> {
      const now = ports.now();
      const stand = standOf(cursor, now - scaled(orders.lookbackMs));
      const until = stand.until ?? now - scaled(orders.lagMs);
      const input = { since: new Date(stand.since).toISOString(), ...pageInput(orders.paging, stand.at) };
      const { answer, what } = await client.send('orders', orders.request, input, call);
      if (!ok(answer.status)) throw failure(await judge(errors, answer), what, answer, requestIdHeader, false);
      const { rows, row } = orders;
      const lines = await rowsOf({ rows, row }, orderRow, answer, what);
      const next = await nextPage(orders.paging, stand.at, answer);
      if (next !== undefined) return { lines, cursor: JSON.stringify({ ...stand, until, at: next }), more: true, completeThrough: stand.through };
      const through = Math.max(stand.through, until);
      return { lines, cursor: JSON.stringify({ through, since: through - scaled(orders.overlapMs) }), more: false, completeThrough: through };
    },

    tokenExpiresAt: () => client.tokenExpiresAt,
  };

  function standOf(cursor: string | undefined, from: number): z.output<typeof cursorSchema> {
    if (cursor === undefined) return { through: from, since: from };
    try {
      return cursorSchema.parse(JSON.parse(cursor));
    } catch (cause) {
      throw new TerminalError(`${account.account}: order cursor ${JSON.stringify(cursor)} is not one of ours`, { code: 'cursor', cause });
    }
  }
};
