/** Feeds API 2021-06-30 for `JSON_LISTINGS_FEED`, and the store of documents that its addresses lead to (amazon.md 2.2). */
import { randomBytes, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FeedQueue } from '../kit/feed-queue.ts';
import type { QueuedEntry, QueuedFeed } from '../kit/feed-queue.ts';
import type { Shop } from '../kit/shop.ts';
import { badRequest, Denied } from './answers.ts';
import type { LimitName } from './answers.ts';
import type { Offers } from './offers.ts';
import { checkPatch } from './patch.ts';

export interface FeedsSide {
  shop: Shop;
  offers: Offers;
  sellerId: string;
  marketplaceId: string;
  /** Signatures of addresses, which are secrets. */
  signed: string[];
  admit(operation: LimitName, request: FastifyRequest, reply: FastifyReply): void;
}

interface Document { contentType: string; body?: unknown; gzip?: true; until: number }

/** amazon.md 2.2: the address lives 5 minutes. */
const addressMs = 300_000;
/** No time is promised; the sandbox's feeds take a minute. */
const processMs = 60_000;
const messagesMax = 25_000;

const base = '/feeds/2021-06-30';

export function feedRoutes(app: FastifyInstance, { shop, offers, sellerId, marketplaceId, signed, admit }: FeedsSide): void {
  const documents = new Map<string, Document>();
  const reports = new Map<string, string>();
  /** Messages that the schema does not take, by feed. */
  const refused = new Map<string, Map<number, string>>();
  // amazon.md 2.2: accepted means "will be applied, again asynchronously".
  const queue = new FeedQueue(shop, processMs, ({ sku, quantity }) => offers.submit(sku, 'merge', { quantity }));

  const address = (request: FastifyRequest, id: string): string => {
    const signature = randomBytes(24).toString('hex');
    signed.push(signature);
    return `http://${request.headers.host}/_store/${id}?X-Amz-Expires=300&X-Amz-Signature=${signature}`;
  };
  const keep = (document: Omit<Document, 'until'>): string => {
    const id = `amzn1.tortuga.4.na.${randomUUID()}`;
    documents.set(id, { ...document, until: shop.clock.now() + shop.clock.real(addressMs) });
    return id;
  };

  app.post(`${base}/documents`, (request, reply) => {
    admit('createFeedDocument', request, reply);
    const { contentType } = (request.body ?? {}) as { contentType?: unknown };
    if (typeof contentType !== 'string') throw badRequest('contentType is required.');
    const feedDocumentId = keep({ contentType });
    return reply.code(201).send({ feedDocumentId, url: address(request, feedDocumentId) });
  });

  app.post(`${base}/feeds`, (request, reply) => {
    admit('createFeed', request, reply);
    const { feedType, marketplaceIds, inputFeedDocumentId: id } = (request.body ?? {}) as { feedType?: unknown; marketplaceIds?: unknown; inputFeedDocumentId?: string };
    if (feedType !== 'JSON_LISTINGS_FEED') throw badRequest(`feedType ${JSON.stringify(feedType)} is not supported.`);
    if (!Array.isArray(marketplaceIds) || !marketplaceIds.includes(marketplaceId)) throw badRequest(`marketplaceIds must hold ${marketplaceId}.`);
    const document = id === undefined ? undefined : documents.get(id);
    if (document?.body === undefined) throw badRequest('inputFeedDocumentId names no uploaded document.');
    const feed = accept(document.body);
    return reply.code(202).send({ feedId: feed.id });
  });

  app.get(`${base}/feeds/:feedId`, (request, reply) => {
    admit('getFeed', request, reply);
    const feed = queue.feeds.get((request.params as { feedId: string }).feedId);
    if (!feed) throw new Denied(404, 'NotFound', 'The feed does not exist.');
    const processingStatus = { queued: 'IN_QUEUE', working: 'IN_PROGRESS', done: 'DONE', fatal: 'FATAL' }[feed.state];
    return {
      feedId: feed.id, feedType: 'JSON_LISTINGS_FEED', marketplaceIds: [marketplaceId], createdTime: new Date(feed.createdAt).toISOString(), processingStatus,
      ...(feed.state === 'done' && { resultFeedDocumentId: reportOf(feed) }),
    };
  });

  app.get(`${base}/documents/:documentId`, (request, reply) => {
    admit('getFeedDocument', request, reply);
    const { documentId: id } = request.params as { documentId: string };
    const document = documents.get(id);
    if (!document) throw new Denied(404, 'NotFound', 'The document does not exist.');
    document.until = shop.clock.now() + shop.clock.real(addressMs);
    return { feedDocumentId: id, url: address(request, id), ...(document.gzip && { compressionAlgorithm: 'GZIP' }) };
  });

  // The store takes the signature for a password and the content type for a part of what was signed.
  const stored = (request: FastifyRequest): Document => {
    const { 'X-Amz-Signature': signature } = request.query as Record<string, string>;
    const document = documents.get((request.params as { id: string }).id);
    if (!document || !signed.includes(signature ?? '') || document.until < shop.clock.now()) throw new Denied(403, 'AccessDenied', 'Request has expired');
    return document;
  };
  app.put('/_store/:id', (request, reply) => {
    const document = stored(request);
    if (request.headers['content-type'] !== document.contentType) throw new Denied(403, 'SignatureDoesNotMatch', 'The request signature does not match.');
    if ('x-amz-access-token' in request.headers) throw new Denied(400, 'InvalidArgument', 'Only one auth mechanism allowed');
    document.body = request.body;
    return reply.code(200).send();
  });
  app.get('/_store/:id', (request, reply) => {
    const { body, gzip } = stored(request);
    const text = JSON.stringify(body);
    return reply.type('application/octet-stream').send(gzip ? gzipSync(text) : Buffer.from(text));
  });

  /** amazon.md 5: what cannot be parsed is 4002001, a header without the seller 4002005; a bad message is its own. */
  function accept(body: unknown): QueuedFeed {
    const { header, messages } = (body ?? {}) as { header?: { sellerId?: unknown; version?: unknown }; messages?: unknown };
    const unreadable = !Array.isArray(messages) || messages.length < 1 || messages.length > messagesMax || header?.version !== '2.0' ? '4002001'
      : header.sellerId !== sellerId ? '4002005' : undefined;
    const bad = new Map<number, string>();
    const entries: QueuedEntry[] = [];
    for (const message of (unreadable === undefined ? messages : []) as { messageId: number; sku: string; operationType: string }[]) {
      const change = message.operationType === 'PATCH' ? checkPatch(message) : undefined;
      const entry = change?.changes[0];
      if (!entry || change.issues.length > 0) bad.set(message.messageId, change?.issues[0]?.message ?? 'operationType is not PATCH');
      entries.push({ sku: message.sku, quantity: entry?.availability.quantity ?? 0 });
    }
    const feed = queue.submit(entries, { id: String(50_000 + queue.feeds.size), unreadable });
    refused.set(feed.id, bad);
    return feed;
  }

  /** listings-feed-processing-report-schema-v2; every second one is packed, as the vendor may do. */
  function reportOf(feed: QueuedFeed): string {
    const known = reports.get(feed.id);
    if (known !== undefined) return known;
    const issues: object[] = feed.unreadable === undefined ? [] : [{ code: feed.unreadable, severity: 'ERROR', message: 'The feed cannot be processed.' }];
    feed.entries.forEach(({ sku }, n) => {
      const words = refused.get(feed.id)?.get(n + 1)
        // amazon.md 0.4: an unknown SKU is accepted all the same.
        // The report has one kind of error: whose fault it was is not told.
        ?? (feed.faults[n] === 'data' || feed.faults[n] === 'system' ? `'[batteries_required]' is required but not supplied.` : undefined);
      if (words !== undefined) issues.push({ messageId: n + 1, sku, code: '90220', severity: 'ERROR', message: words });
    });
    const processed = feed.unreadable === undefined ? feed.entries.length : 0;
    const gzip = reports.size % 2 === 1;
    const id = keep({
      contentType: 'application/json', ...(gzip && { gzip }),
      body: {
        header: { sellerId, version: '2.0', feedId: feed.id },
        issues,
        summary: { errors: issues.length, warnings: 0, messagesProcessed: processed, messagesAccepted: processed - issues.length, messagesInvalid: issues.length },
      },
    });
    reports.set(feed.id, id);
    return id;
  }
}
