/**
 * Inventory feeds: `MP_INVENTORY` (1.5, lower case) where a ship node is configured, else `inventory` (1.4, capitals)
 * for the default node; the wrong case fails the whole feed. `PROCESSED` is no success: each item has its own status.
 */
import { z } from 'zod';
import type { Call, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { AmbiguousError, RetryableError, TerminalError } from '../../../errors.ts';
import type { BulkFeeds, FeedStatus } from '../../bulk.ts';
import type { Ask } from '../http.ts';
import { ok } from './client.ts';
import type { Client } from './client.ts';
import { judge } from './errors.ts';
import type { WalmartSettings } from './settings.ts';

type Settings = WalmartSettings & { feeds: NonNullable<WalmartSettings['feeds']> };

const submitLimit = 'updateBulkInventory';
const statusLimit = 'getFeedItemStatus';
/** The parameter says 50, the answer's text 1,000. */
const pageMax = 50;
/** Walmart takes 1 MB of the feed that names nodes. */
const bytesMax = 1_000_000;

const acknowledgement = z.object({ feedId: z.string().min(1) });
const ingestionErrors = z.object({ ingestionError: z.array(z.object({ type: z.string(), code: z.string(), description: z.string().optional() })).nullish() }).nullish();
const feedAnswer = z.object({
  feedStatus: z.enum(['RECEIVED', 'INPROGRESS', 'PROCESSED', 'ERROR']),
  ingestionErrors,
  itemsReceived: z.number().int(),
  itemDetails: z.object({
    itemIngestionStatus: z.array(z.object({ sku: z.string().optional(), index: z.number().int().optional(), ingestionStatus: z.string(), ingestionErrors })).nullish(),
  }).nullish(),
});

export function walmartFeeds(settings: Settings, client: Client, timeScale: number): BulkFeeds {
  const { shipNode, feeds } = settings;
  const scaled = (vendorMs: number): number => vendorMs / timeScale;
  return {
    operations: {
      submit: { limit: submitLimit, cost: 1, batch: feeds.most },
      status: { limit: statusLimit, cost: 1, batch: 1 },
      report: { limit: statusLimit, cost: 1, batch: pageMax },
    },
    times: {
      everyMs: scaled(feeds.everyMs), lookEveryMs: scaled(feeds.lookEveryMs), overdueMs: scaled(feeds.overdueMs), forgetMs: scaled(feeds.forgetMs),
      verifyAfterMs: scaled(settings.verifyAfterMs), verifyWithinMs: scaled(settings.verifyWithinMs),
    },
    threshold: feeds.threshold,

    async submit(entries, call) {
      if (entries.length > feeds.most) throw new RangeError(`a feed takes ${feeds.most} SKUs, got ${entries.length}`);
      const odd = entries.find(({ quantity }) => !Number.isSafeInteger(quantity) || quantity < 1);
      if (odd) throw new RangeError(`${odd.listing.sku}: quantity ${odd.quantity} does not go by a feed, only whole numbers from 1 on`);
      const ask = await submitAsk(entries, shipNode);
      const reply = await client.ask(submitLimit, ask, call);
      if (!ok(reply.answer)) throw client.failure(judge(reply.answer), ask, reply);
      const parsed = acknowledgement.safeParse(reply.answer.json);
      if (!parsed.success) throw new AmbiguousError(`POST ${ask.path}: ${reply.answer.status} without a feedId`, { status: reply.answer.status, requestId: reply.requestId });
      return parsed.data.feedId;
    },

    async status(feed, call): Promise<FeedStatus> {
      const { feedStatus, itemsReceived, ingestionErrors: errors } = await look(feed, 'includeDetails=false', call);
      switch (feedStatus) {
        case 'RECEIVED': case 'INPROGRESS': return { state: 'working' };
        case 'PROCESSED': return { state: 'done', report: feed };
        case 'ERROR': {
          const [first] = errors?.ingestionError ?? [];
          return { state: 'failed', code: first?.code ?? 'ERROR', message: `${first?.description ?? 'without a word'}; ${itemsReceived} items were received` };
        }
      }
    },

    async outcomes(feed, _report, entries, page, call) {
      const offset = Number(page ?? 0);
      const { itemDetails, itemsReceived } = await look(feed, `includeDetails=true&offset=${offset}&limit=${pageMax}`, call);
      const items = itemDetails?.itemIngestionStatus ?? [];
      const signatures = new Map(entries.map(({ sku, signature }) => [sku, signature]));
      const outcomes = items.flatMap(({ sku, ingestionStatus, ingestionErrors: errors }): WriteOutcome[] => {
        const signature = sku === undefined ? undefined : signatures.get(sku);
        return signature === undefined ? [] : [outcomeOf(signature, ingestionStatus, errors?.ingestionError?.[0])];
      });
      const end = offset + items.length;
      return { outcomes, ...(items.length > 0 && end < itemsReceived && { page: String(end) }) };
    },
  };

  async function look(feed: string, query: string, call: Call): Promise<z.infer<typeof feedAnswer>> {
    // A feed's id holds an `@`.
    const ask: Ask = { method: 'GET', path: `/v3/feeds/${encodeURIComponent(feed)}?${query}` };
    const reply = await client.ask(statusLimit, ask, call);
    if (!ok(reply.answer)) throw client.failure(judge(reply.answer), ask, reply);
    const parsed = feedAnswer.safeParse(reply.answer.json);
    if (!parsed.success) throw new RetryableError(`GET ${ask.path}: answer not understood: ${z.prettifyError(parsed.error)}`, { status: reply.answer.status, requestId: reply.requestId });
    return parsed.data;
  }

  /** A page of errors says which of them the seller can mend: of the data. The others pass, and go the other way meanwhile. */
  function outcomeOf(signature: string, status: string, error: { code: string; description?: string | undefined } | undefined): WriteOutcome {
    const code = error?.code ?? status;
    const message = error?.description ?? `ingestion status ${status}`;
    switch (status) {
      case 'SUCCESS': return { kind: 'accepted', signature, verifyAfterMs: scaled(settings.verifyAfterMs), verifyWithinMs: scaled(settings.verifyWithinMs) };
      case 'DATA_ERROR': return { kind: 'refused', signature, class: 'validation', code, message };
      default: return { kind: 'retry', signature, code, message };
    }
  }
}

/** As the document asks for it: a form with one part, `file`. */
async function submitAsk(entries: readonly WriteEntry[], shipNode: string | undefined): Promise<Ask> {
  const file = JSON.stringify(documentOf(entries, shipNode));
  if (file.length > bytesMax) throw new TerminalError(`a feed takes ${bytesMax} bytes, got ${file.length}`, { code: 'TOO_LARGE' });
  const form = new FormData();
  form.set('file', new Blob([file], { type: 'application/json' }), 'inventory.json');
  const encoded = new Response(form);
  const feedType = shipNode === undefined ? 'inventory' : 'MP_INVENTORY';
  return { method: 'POST', path: `/v3/feeds?feedType=${feedType}`, headers: { 'Content-Type': encoded.headers.get('content-type')! }, body: await encoded.text() };
}

function documentOf(entries: readonly WriteEntry[], shipNode: string | undefined): unknown {
  const quantity = (amount: number) => ({ unit: 'EACH', amount });
  return shipNode === undefined
    ? { InventoryHeader: { version: '1.4' }, Inventory: entries.map(entry => ({ sku: entry.listing.sku, quantity: quantity(entry.quantity) })) }
    : { inventoryHeader: { version: '1.5' }, inventory: entries.map(entry => ({ sku: entry.listing.sku, shipNodes: [{ shipNode, quantity: quantity(entry.quantity) }] })) };
}
