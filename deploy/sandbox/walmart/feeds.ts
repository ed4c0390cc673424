/** Walmart's inventory feeds (walmart.md 2.3): handed in as a form, carried out when their turn has come, told item by item. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { FeedQueue } from '../kit/feed-queue.ts';
import type { EntryFault, QueuedEntry, QueuedFeed } from '../kit/feed-queue.ts';
import type { Shop } from '../kit/shop.ts';
import { rawQuery, refuse } from './answers.ts';
import type { Gate } from './gate.ts';
import type { Nodes } from './inventory.ts';

/** walmart.md 2.3: half an hour; the sandbox's feeds take a minute. */
const processMs = 60_000;
const pageMax = 50;

const quantity = z.strictObject({ unit: z.literal('EACH'), amount: z.number().int() });
/** walmart.md 0.6: the wrong case fails the feed. */
const documents = {
  inventory: z.object({ InventoryHeader: z.object({ version: z.literal('1.4') }), Inventory: z.array(z.object({ sku: z.string(), quantity })).min(1) }),
  MP_INVENTORY: z.object({
    inventoryHeader: z.object({ version: z.literal('1.5') }),
    inventory: z.array(z.object({ sku: z.string(), shipNodes: z.array(z.object({ shipNode: z.string(), quantity })).length(1) })).min(1),
  }),
};

export function feedRoutes(app: FastifyInstance, shop: Shop, gate: Gate, nodes: Nodes): void {
  const queue = new FeedQueue(shop, processMs, ({ sku, quantity: amount }) => { shop.write(sku, amount); });

  app.post('/v3/feeds', async (request, reply) => {
    if (!gate.admit('updateBulkInventory', request, reply)) return reply;
    const feedType = rawQuery(request.url, 'feedType');
    if (feedType !== 'inventory' && feedType !== 'MP_INVENTORY') {
      return refuse(reply, 'documented', { status: 400, code: 'INVALID_REQUEST_PARAM.GMP_GATEWAY_API', description: 'feedType is not known', field: 'feedType' });
    }
    const entries = entriesOf(feedType, await fileOf(request), nodes);
    // walmart.md 2.3: a feed whose shape is wrong is taken all the same, and ends as ERROR with nothing received.
    const feed = queue.submit(entries ?? [], { id: `${randomBytes(16).toString('hex').toUpperCase()}@AUoBAQA`, unreadable: entries ? undefined : 'ERR_EXT_DATA_0503009' });
    return reply.send({ feedId: feed.id, additionalAttributes: null, errors: null });
  });

  app.get<{ Params: { feedId: string }; Querystring: { includeDetails?: string; offset?: string; limit?: string } }>('/v3/feeds/:feedId', (request, reply) => {
    if (!gate.admit('getFeedItemStatus', request, reply)) return reply;
    const feed = queue.feeds.get(request.params.feedId);
    if (!feed) return refuse(reply, 'gateway', { status: 404, code: 'CONTENT_NOT_FOUND.GMP_GATEWAY_API', description: 'no such feed', field: 'feedId' });
    const { includeDetails, offset: from = '0', limit: wanted = String(pageMax) } = request.query;
    const offset = Number(from);
    const limit = Math.min(pageMax, Number(wanted));
    return reply.send({ ...statusOf(feed), offset, limit, itemDetails: { itemIngestionStatus: includeDetails === 'true' ? itemsOf(feed).slice(offset, offset + limit) : [] } });
  });
}

/** The document's only content type is a form with the part `file`. */
async function fileOf(request: FastifyRequest): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/form-data')) return undefined;
  const form = await new Response(new Uint8Array(request.body as Buffer), { headers: { 'content-type': type } }).formData();
  const file = form.get('file');
  try {
    return file instanceof Blob ? JSON.parse(await file.text()) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for what is not of the type's shape. */
function entriesOf(feedType: keyof typeof documents, file: unknown, nodes: Nodes): QueuedEntry[] | undefined {
  if (feedType === 'inventory') return documents.inventory.safeParse(file).data?.Inventory.map(({ sku, quantity: { amount } }) => ({ sku, quantity: amount }));
  const entries = documents.MP_INVENTORY.safeParse(file).data?.inventory;
  return entries?.map(({ sku, shipNodes: [node] }) => ({ sku: node!.shipNode === nodes.own ? sku : `${sku} at another node`, quantity: node!.quantity.amount }));
}

function statusOf(feed: QueuedFeed): Record<string, unknown> {
  const { entries, faults, state, unreadable } = feed;
  const failed = faults.filter(fault => fault !== undefined).length;
  const isOver = state === 'done';
  const feedStatus = unreadable !== undefined && isOver || state === 'fatal' ? 'ERROR' : { queued: 'RECEIVED', working: 'INPROGRESS', done: 'PROCESSED' }[state as 'done'];
  return {
    feedId: feed.id, feedStatus, itemsReceived: entries.length,
    itemsSucceeded: isOver ? entries.length - failed : 0, itemsFailed: isOver ? failed : 0, itemsProcessing: isOver ? 0 : entries.length,
    ...(feedStatus === 'ERROR' && { ingestionErrors: { ingestionError: [{ type: 'DATA_ERROR', code: unreadable ?? 'ERR_INT_SYS_0101001', description: unreadable ? 'the file does not fit the feed' : 'the feed was aborted' }] } }),
  };
}

/** Codes of single items are in no document but for the first. */
const codes: Record<NonNullable<EntryFault>, [status: string, code: string, description: string]> = {
  data: ['DATA_ERROR', 'ERR_EXT_DATA_0503009', 'the data of this item is not valid'],
  unknown: ['DATA_ERROR', 'CONTENT_NOT_FOUND.GMP_INVENTORY_API', 'no such sku'],
  system: ['SYSTEM_ERROR', 'ERR_INT_SYS_0101001', 'the item could not be processed'],
};

function itemsOf({ entries, faults, state }: QueuedFeed): object[] {
  return entries.map(({ sku }, index) => {
    const fault = faults[index];
    if (state !== 'done') return { martId: 0, sku, index, ingestionStatus: 'INPROGRESS' };
    if (fault === undefined) return { martId: 0, sku, index, ingestionStatus: 'SUCCESS' };
    const [ingestionStatus, code, description] = codes[fault];
    return { martId: 0, sku, index, ingestionStatus, ingestionErrors: { ingestionError: [{ type: ingestionStatus, code, description }] } };
  });
}
