/**
 * Every subject, stream and bucket name, and how keys become subject tokens. Publishers compute the partition
 * themselves, so that any client and any server version addresses the right actor.
 */

/** Partitions of SKU actors. Changing it is a migration: messages keep the partition they were published to. */
export const partitionCount = 64;

export const streams = {
  ingest: 'INGEST',
  sku: 'SKU',
  attempt: 'ATTEMPT',
  alert: 'ALERT',
  dead: 'DEAD',
  exposure: 'EXPOSURE',
  ask: 'ASK',
  skuRecords: 'KV_sku',
  channelRecords: 'KV_channel',
  listings: 'KV_listing',
  members: 'KV_member',
  settings: 'KV_settings',
  shadow: 'KV_shadow',
} as const;

/**
 * A key as one subject token and KV key: `=` escapes as `%` does in URLs. Distinct keys stay distinct, in any
 * script; a leading `_` is escaped too, since `_epoch` and `_ckpt` stand beside the records.
 *
 * @throws {RangeError} for an empty key, one with a lone surrogate, or one of more than 200 escaped characters
 */
export function escapeKey(key: string): string {
  if (plain.test(key)) return key;
  if (key === '') throw new RangeError('key is empty');
  if (!key.isWellFormed()) throw new RangeError(`key ${JSON.stringify(key)} is not well-formed Unicode`);
  const escaped = encodeURIComponent(key).replaceAll(/[.!~*'()]|^_/g, hexEscape).replaceAll('%', '=');
  if (escaped.length > 200) throw new RangeError(`key ${JSON.stringify(key.slice(0, 40))}… is too long: ${escaped.length} escaped characters, 200 at most`);
  return escaped;
}

/** Keys that are their own token: nearly all. */
const plain = /^[A-Za-z0-9-][A-Za-z0-9_-]{0,199}$/;

export function unescapeKey(token: string): string {
  if (plain.test(token)) return token;
  return decodeURIComponent(token.replaceAll('=', '%'));
}

function hexEscape(character: string): string {
  return `=${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The token of a key: the last of its journal's or its record's subject. */
export function lastToken(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}

/** A name from outside as a key that has a token: one that has none is told by its beginning and a digest of the rest. */
export function keyFor(name: string): string {
  try {
    escapeKey(name);
    return name;
  } catch {
    return `${[...name.toWellFormed()].slice(0, 12).join('')}~${fnv1a(name).toString(16).padStart(8, '0')}`;
  }
}

/**
 * The subject of an effect. The first token names the stream and stands as it is; keys behind it are escaped.
 *
 * @throws {RangeError} for a key that has no token
 */
export function subjectOf([first, ...rest]: readonly string[]): string {
  return [first, ...rest.map(escapeKey)].join('.');
}

const utf8 = new TextEncoder();

/** FNV-1a 32 of the key mod the partition count: what the server's own `partition()` transform computes. */
export function partitionOf(key: string): number {
  return fnv1a(key) % partitionCount;
}

/** FNV-1a 32 of the UTF-8 bytes. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) {
    const byte = text.charCodeAt(n);
    if (byte > 0x7f) return fnv1aOf(utf8.encode(text));
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

function fnv1aOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The SKU journal: `sku.<partition>.<key>`. */
export function skuSubject(sku: string): string {
  return `sku.${partitionOf(sku)}.${escapeKey(sku)}`;
}

export const listingSubject = (account: string, sku: string): string => `$KV.listing.${escapeKey(account)}.${escapeKey(sku)}`;
/** A rule that people set: beside the listings of its bucket, which have one token less. */
export const ruleSubject = (account: string, sku: string): string => `$KV.listing.rules.${escapeKey(account)}.${escapeKey(sku)}`;
/** SKUs that people have given listings of an account: one record, under a name that no SKU's token can have. */
export const namesSubject = (account: string): string => `$KV.listing.names.${escapeKey(account)}._all`;

export function isNamesSubject(subject: string): boolean {
  return subject.startsWith('$KV.listing.names.') && subject.endsWith('._all');
}

/** What was compared of a SKU while an account is not live for it. */
export const shadowSubject = (account: string, sku: string): string => `$KV.shadow.${escapeKey(account)}.${escapeKey(sku)}`;

/** Tokens of a SKU's journal subject, for effects; undefined for a name that has none. */
export function skuAddress(sku: string): string[] | undefined {
  return keyFor(sku) === sku ? ['sku', String(partitionOf(sku)), sku] : undefined;
}

/** A SKU's record in KV: `$KV.sku.<partition>.<key>`. */
export function skuRecordSubject(sku: string): string {
  return `$KV.sku.${partitionOf(sku)}.${escapeKey(sku)}`;
}

export const skuPartition = {
  journal: (partition: number): string => `sku.${partition}.>`,
  record: (partition: number, token: string): string => `$KV.sku.${partition}.${token}`,
  epoch: (partition: number): string => `$KV.sku.${partition}._epoch`,
  checkpoint: (partition: number): string => `$KV.sku.${partition}._ckpt`,
};

/** Records of a channel account or a source: `$KV.channel.<name>.<field>`. */
export const channelRecord = {
  epoch: (unit: string): string => `$KV.channel.${escapeKey(unit)}._epoch`,
  state: (unit: string): string => `$KV.channel.${escapeKey(unit)}.state`,
  imported: (unit: string): string => `$KV.channel.${escapeKey(unit)}.import`,
  stage: (unit: string): string => `$KV.channel.${escapeKey(unit)}.stage`,
  rhythm: (unit: string): string => `$KV.channel.${escapeKey(unit)}.rhythm`,
  alarms: (unit: string): string => `$KV.channel.${escapeKey(unit)}.alarms`,
  findings: (unit: string): string => `$KV.channel.${escapeKey(unit)}.findings`,
  bulk: (unit: string): string => `$KV.channel.${escapeKey(unit)}.bulk`,
  promise: (unit: string): string => `$KV.channel.${escapeKey(unit)}.promise`,
};

/** The settings under which SKU journals are folded, with their history. */
export const skuSettingsSubject = '$KV.settings.sku';

/** What `plumb doctor` stores, to see that it can. */
export const doctorSubject = '$KV.channel.doctor._check';

/** What keeps SKUs from an escrow that their scarcity asks for; no account's name begins so. */
export const modesSubject = '$KV.channel._modes.bars';

/** What was rebuilt after the broker was lost, and whether that is over; no account's name begins so. */
export const rebuildSubject = '$KV.channel._rebuild.state';

export const ingestSubject = (source: string): string => `ingest.${escapeKey(source)}`;
/** What people made of a whole account: beside its attempts, under a name that no SKU's token can have. */
export const controlSubject = (account: string): string => `attempt.${escapeKey(account)}._control`;
/** Calls that carried several jobs, all of which went well: one message each, under a name that no SKU's token can have. */
export const callSubject = (account: string): string => `attempt.${escapeKey(account)}._call`;
export const attemptSubject = (account: string, sku: string): string => `attempt.${escapeKey(account)}.${escapeKey(sku)}`;
export const driftSubject = (severity: string, account: string, sku: string): string =>
  `drift.${severity}.${escapeKey(account)}.${escapeKey(sku)}`;
/** A SKU's actor asks its source for what the SKU has now; every key of a source with `>`. */
export const askSubject = (source: string, sku = ''): string => `ask.${escapeKey(source)}.${sku === '' ? '>' : escapeKey(sku)}`;
/** `origin` is the account or source the failure came from. */
export const deadSubject = (kind: string, origin: string, key: string): string =>
  `dead.${kind}.${escapeKey(origin)}.${escapeKey(key)}`;
/** The last time that the broker lost what it had acknowledged; no account's name begins so. */
export const brokerLossSubject = '$KV.channel._broker.loss';
/** Takes up sequences of the SKU journal that were given out once and lost: no partition's. */
export const lostSubject = 'sku._lost';
export const memberSubject = (node: string): string => `$KV.member.${escapeKey(node)}`;
