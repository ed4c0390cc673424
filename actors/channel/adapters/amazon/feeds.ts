/**
 * `JSON_LISTINGS_FEED` (Feeds API 2021-06-30, listings feed schema 2.0): the patches of many SKUs in one document, each
 * the very one that the call for one SKU sends. Documents lie in a store of Amazon's under addresses that are secrets
 * for five minutes.
 */
import type { AdapterPorts, Call, WriteEntry, WriteOutcome } from '../../adapter.ts';
import { AmbiguousError, RetryableError } from '../../../errors.ts';
import type { BulkFeeds, FeedEntry, FeedStatus } from '../../bulk.ts';
import { exchange } from '../http.ts';
import type { Answer, Ask } from '../http.ts';
import type { Send } from './client.ts';
import { failure, malformed } from './errors.ts';
import { quantityPatch } from './listings.ts';
import { createdFeed, feed as feedSchema, feedDocument, feedReport } from './schemas.ts';
import type { AmazonSettings } from './settings.ts';

type Settings = AmazonSettings & { feeds: NonNullable<AmazonSettings['feeds']> };

const feedsPath = '/feeds/2021-06-30';
const feedType = 'JSON_LISTINGS_FEED';
const addressOf = 'address of a document';
/** Sent with the document exactly as it was declared for it. */
const contentType = 'application/json; charset=UTF-8';

export function amazonFeeds(settings: Settings, send: Send, ports: AdapterPorts): BulkFeeds {
  const { sellerId, marketplaceId, feeds } = settings;
  const scaled = (vendorMs: number): number => vendorMs / ports.timeScale;
  return {
    operations: {
      submit: { limit: 'createFeed', cost: 1, batch: feeds.most },
      status: { limit: 'getFeed', cost: 1, batch: 1 },
      report: { limit: 'getFeedDocument', cost: 1, batch: feeds.most },
    },
    times: {
      everyMs: scaled(feeds.everyMs), lookEveryMs: scaled(feeds.lookEveryMs), overdueMs: scaled(feeds.overdueMs), forgetMs: scaled(feeds.forgetMs),
      verifyAfterMs: scaled(settings.verifyAfterMs), verifyWithinMs: scaled(settings.verifyWithinMs),
    },
    threshold: feeds.threshold,
    submit,
    status,
    outcomes,
  };

  async function submit(entries: readonly WriteEntry[], call: Call): Promise<string> {
    if (entries.length > feeds.most) throw new RangeError(`a feed takes ${feeds.most} SKUs, got ${entries.length}`);
    const odd = entries.find(({ quantity }) => !Number.isInteger(quantity) || quantity < 1);
    if (odd) throw new RangeError(`${odd.listing.sku}: quantity ${odd.quantity} does not go by a feed, only whole numbers from 1 on`);
    const what = `createFeedDocument for ${entries.length} SKUs`;
    const made = await send({ operation: 'createFeedDocument', method: 'POST', path: `${feedsPath}/documents`, body: { contentType }, safe: true, hides: addressOf }, call);
    if (made.status !== 201) throw failure(what, made, 'read');
    const place = feedDocument.safeParse(made.json);
    if (!place.success) throw malformed(what, made, 'read', place.error.message);
    // Without createFeed a document is nothing, so that a lost upload is simply done again.
    const stored = await storage(place.data.url, { method: 'PUT', headers: { 'content-type': contentType }, body: JSON.stringify(documentOf(entries)), safe: true }, call);
    if (stored.status !== 200) throw new RetryableError(`upload of a feed document: ${stored.status}`, { status: stored.status });
    const answer = await send({
      operation: 'createFeed', method: 'POST', path: `${feedsPath}/feeds`,
      body: { feedType, marketplaceIds: [marketplaceId], inputFeedDocumentId: place.data.feedDocumentId },
    }, call);
    if (answer.status !== 202) throw failure('createFeed', answer, 'write');
    const parsed = createdFeed.safeParse(answer.json);
    if (!parsed.success) throw malformed('createFeed', answer, 'write', parsed.error.message);
    return parsed.data.feedId;
  }

  async function status(feedId: string, call: Call): Promise<FeedStatus> {
    const what = `getFeed ${feedId}`;
    const answer = await send({ operation: 'getFeed', method: 'GET', path: `${feedsPath}/feeds/${encodeURIComponent(feedId)}` }, call);
    if (answer.status !== 200) throw failure(what, answer, 'read');
    const parsed = feedSchema.safeParse(answer.json);
    if (!parsed.success) throw malformed(what, answer, 'read', parsed.error.message);
    const { processingStatus, resultFeedDocumentId: report } = parsed.data;
    switch (processingStatus) {
      case 'IN_QUEUE': case 'IN_PROGRESS': return { state: 'working' };
      case 'DONE': return report === undefined ? { state: 'failed', code: 'NO_REPORT', message: 'it is DONE without a report' } : { state: 'done', report };
      case 'CANCELLED': case 'FATAL': return { state: 'failed', code: processingStatus, message: `it is ${processingStatus}` };
    }
  }

  async function outcomes(feedId: string, report: string, entries: readonly FeedEntry[], _page: string | undefined, call: Call): Promise<{ outcomes: WriteOutcome[] }> {
    const what = `report of feed ${feedId}`;
    const answer = await send({ operation: 'getFeedDocument', method: 'GET', path: `${feedsPath}/documents/${encodeURIComponent(report)}`, hides: addressOf }, call);
    if (answer.status !== 200) throw failure(what, answer, 'read');
    const place = feedDocument.safeParse(answer.json);
    if (!place.success) throw malformed(what, answer, 'read', place.error.message);
    const text = await storage(place.data.url, { method: 'GET', gzip: place.data.compressionAlgorithm === 'GZIP' }, call);
    const parsed = feedReport.safeParse(text.json);
    if (text.status !== 200 || !parsed.success) throw malformed(what, text, 'read', parsed.error?.message ?? `${text.status}`);
    if (parsed.data.header.feedId !== feedId) throw malformed(what, text, 'read', `it is of feed ${parsed.data.header.feedId}`);
    return { outcomes: told(parsed.data.issues, entries) };
  }

  /** Success is silence: what has no error of its own was taken up. One without a message is of the whole feed. */
  function told(issues: readonly { messageId?: number | undefined; code?: string | undefined; severity: string; message: string }[], entries: readonly FeedEntry[]): WriteOutcome[] {
    const errors = issues.filter(({ severity }) => severity === 'ERROR');
    const whole = errors.find(({ messageId }) => messageId === undefined);
    const byMessage = new Map<number | undefined, typeof errors>();
    for (const error of errors) byMessage.set(error.messageId, [...(byMessage.get(error.messageId) ?? []), error]);
    return entries.map(({ signature }, n): WriteOutcome => {
      const own = byMessage.get(n + 1);
      if (own) return { kind: 'refused', signature, class: 'validation', code: own[0]!.code ?? 'INVALID', message: own.map(({ message }) => message).join('; ') };
      if (whole) return { kind: 'retry', signature, code: whole.code ?? 'FEED', message: whole.message };
      return { kind: 'accepted', signature, verifyAfterMs: scaled(settings.verifyAfterMs), verifyWithinMs: scaled(settings.verifyWithinMs) };
    });
  }

  function documentOf(entries: readonly WriteEntry[]): unknown {
    return {
      header: { sellerId, version: '2.0' },
      messages: entries.map((entry, n) => ({ messageId: n + 1, sku: entry.listing.sku, operationType: 'PATCH', ...quantityPatch(entry, settings.productType) })),
    };
  }

  /** Amazon's store of documents: no token of ours, and its address stays out of the journal. */
  async function storage(url: string, ask: Omit<Ask, 'path'>, call: Call): Promise<Answer> {
    const { origin, pathname, search } = new URL(url);
    const hidden: Call = {
      signal: call.signal,
      onExchange: told => call.onExchange?.({ ...told, path: pathname, ...(told.error !== undefined && { error: told.error.replaceAll(search, '') }) }),
    };
    try {
      return await exchange(origin, { ...ask, path: pathname + search }, hidden, 'x-amz-request-id', ports.now);
    } catch (cause) {
      if (!(cause instanceof RetryableError || cause instanceof AmbiguousError)) throw cause;
      const { code } = cause;
      throw new RetryableError(`${ask.method} of a feed document: no answer (${code ?? 'unknown'})`, code === undefined ? {} : { code });
    }
  }
}
