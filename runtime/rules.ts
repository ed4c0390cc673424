/**
 * Rules that people set, by SKU and channel account: versioned in the listing bucket with who and when, and told to the
 * SKU's journal by version. The bucket is written first; telling the newest version again is harmless, so whoever was
 * interrupted between the two sets the same rule again.
 */
import type { NatsConnection } from 'nats';
import type { Rule, SkuFact } from '../actors/sku/protocol.ts';
import { encodeJournal, journalHeaders } from './codec.ts';
import { PublishError } from './publisher.ts';
import type { Publisher } from './publisher.ts';
import { readAll } from './read-all.ts';
import type { Records } from './records.ts';
import { isNamesSubject, ruleSubject, skuSubject, streams } from './subjects.ts';

/** As stored, one JSON value. */
export interface StoredRule {
  account: string;
  sku: string;
  rule: Rule;
  /** 1 for the first that was set. */
  version: number;
  /** Who set it, and when by their clock, epoch ms. */
  by: string;
  at: number;
}

export interface RulePorts {
  publisher: Publisher;
  records: Records;
}

/** Somebody set the rule in between. */
export class RuleConflictError extends Error {
  override readonly name = 'RuleConflictError';
}

/**
 * Resolves when the SKU's journal has the rule.
 *
 * @param change the rule that is to stand, made from the one that does
 * @throws {RuleConflictError} when `expected` is not the version that stands
 * @throws {PublishError} when the broker does not answer
 */
export async function setRule(
  { publisher, records }: RulePorts,
  { account, sku, change, by, at, expected }: { account: string; sku: string; change(before: Rule | undefined): Rule; by: string; at: number; expected?: number },
): Promise<{ stored: StoredRule; changed: boolean }> {
  for (;;) {
    const { value, revision } = await records.read<StoredRule>(ruleSubject(account, sku));
    if (expected !== undefined && expected !== (value?.version ?? 0)) {
      throw new RuleConflictError(value ? `was set by ${value.by} at ${new Date(value.at).toISOString()} as version ${value.version}, not ${expected}` : `was never set, though its version is given as ${expected}`);
    }
    const rule = change(value?.rule);
    const changed = !value || !isSameRule(value.rule, rule);
    const stored = changed ? { account, sku, rule, version: (value?.version ?? 0) + 1, by, at } : value;
    try {
      if (changed) await records.put(ruleSubject(account, sku), stored, revision);
    } catch (error) {
      if (error instanceof PublishError && error.isConflict) continue;
      throw error;
    }
    const fact: SkuFact = { type: 'rule.set', account, rule: stored.rule, version: stored.version, by: stored.by };
    await publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `rule:${account}:${sku}:${stored.version}`, correlation: `rule:${account}:${stored.version}` }));
    return { stored, changed };
  }
}

const fields = ['percent', 'buffer', 'max', 'fixed', 'locations', 'skip'] as const satisfies (keyof Rule)[];

/** The same fields in any order; locations too. */
export function isSameRule(one: Rule, other: Rule): boolean {
  const text = (rule: Rule): string => JSON.stringify(fields.map(field => {
    const value = rule[field];
    return Array.isArray(value) ? [...value].sort() : field === 'skip' ? value === true : value ?? null;
  }));
  return text(one) === text(other);
}

/** A listing as its import stored it. */
export interface StoredListing {
  account: string;
  id: string;
  sku: string;
  fields: Record<string, string>;
  rule: Rule;
  /** What the channel showed then, where that was known. */
  shown?: number;
  at: number;
}

export interface Listed {
  account: string;
  sku: string;
  listing?: StoredListing;
  set?: StoredRule;
}

/** Every listing and every rule that was set, once, by account and SKU. */
export async function readListed(nc: NatsConnection): Promise<Listed[]> {
  const listed = new Map<string, Listed>();
  await readNewest(nc, streams.listings, '$KV.listing.>', (subject, value) => {
    if (isNamesSubject(subject)) return;
    const { account, sku } = value as StoredListing | StoredRule;
    const key = JSON.stringify([account, sku]);
    const before = listed.get(key) ?? { account, sku };
    listed.set(key, isRuleSubject(subject) ? { ...before, set: value as StoredRule } : { ...before, listing: value as StoredListing });
  });
  return [...listed.values()].sort((a, b) => (a.sku === b.sku ? order(a.account, b.account) : order(a.sku, b.sku)));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A listing has one token less. */
function isRuleSubject(subject: string): boolean {
  return subject.split('.').length === 5;
}

/** The rules of one SKU at one account, newest first, as far as the bucket keeps them. */
export async function readHistory(nc: NatsConnection, account: string, sku: string): Promise<StoredRule[]> {
  const history: StoredRule[] = [];
  await read(nc, streams.listings, ruleSubject(account, sku), 1, (_, value) => { history.unshift(value as StoredRule); });
  return history;
}

/** The newest value of every subject, once. Deleted ones are left out. */
export function readNewest(nc: NatsConnection, stream: string, filter: string, onValue: (subject: string, value: unknown) => void): Promise<void> {
  return read(nc, stream, filter, 'last-per-subject', onValue);
}

function read(nc: NatsConnection, stream: string, filter: string, from: 1 | 'last-per-subject', onValue: (subject: string, value: unknown) => void): Promise<void> {
  return readAll(nc, { stream, filter, from }, message => { if (message.data.length > 0) onValue(message.subject, message.json()); });
}
