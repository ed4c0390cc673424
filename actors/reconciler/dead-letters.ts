/**
 * Dead letters as people work on them: a journal of entries and resolutions folded into cases. Whatever stands under
 * one subject has one cause, so repeats are one case with a count. Pure.
 */
import type { Outlet } from '../sku/protocol.ts';

/** One message of the journal, `dead.<class>.<origin>.<key>`. */
export interface DeadEntry {
  subject: string;
  seq: number;
  /** Journal time, epoch ms. */
  at: number;
  body: DeadBody;
}

export interface DeadBody {
  /** The same on every repeat of one failure; a resolution has its own. */
  id: string;
  class: string;
  /** What went wrong and what would make it go away, as plain sentences. */
  message?: string;
  heals?: string;
  account?: string;
  source?: string;
  sku?: string;
  /** Of the job behind it. */
  signature?: string;
  /** What the source said, in its own words; together with it `raw` is all that is needed to try it again. */
  raw?: string;
  /** Ends entries: those named in `of`, or the one whose id this id continues (`<id>:resolved`), or all of the subject. */
  resolved?: true;
  of?: string[];
  how?: Resolution['how'];
  by?: string;
  reason?: string;
  [more: string]: unknown;
}

export interface Resolution {
  /** `healed`: its cause is gone, `by` tells what proved that. The others are people's doing, `by` names whom. */
  how: 'healed' | 'retried' | 'dismissed';
  by: string;
  reason?: string;
  at: number;
}

export interface DeadCase {
  subject: string;
  /** Sequences of its first entry since it was last closed, and of the newest. */
  first: number;
  last: number;
  firstAt: number;
  lastAt: number;
  /** Entries since it was last closed, repeats of one id included. */
  count: number;
  /** Ids not resolved yet, the oldest first. */
  open: string[];
  /** The newest failure. */
  body: DeadBody;
  /** How it was closed last. */
  resolution?: Resolution;
}

/** Ids kept of one case: beyond it the oldest are only counted, and end with the newest. */
const openMax = 100;

/** Folds one message in; the case it belongs to, changed. Undefined for a resolution of what was never told. */
export function noteDead(known: DeadCase | undefined, { subject, seq, at, body }: DeadEntry): DeadCase | undefined {
  const ends = endedBy(body);
  if (!ends) {
    const fresh = known === undefined || known.open.length === 0;
    return {
      subject,
      first: fresh ? seq : known.first,
      last: seq,
      firstAt: fresh ? at : known.firstAt,
      lastAt: at,
      count: fresh ? 1 : known.count + 1,
      open: fresh ? [body.id] : known.open.includes(body.id) ? known.open : [...known.open, body.id].slice(-openMax),
      body,
    };
  }
  if (!known) return undefined;
  const open = ends === 'all' ? [] : known.open.filter(id => !ends.includes(id));
  const resolution: Resolution = { how: body.how ?? 'healed', by: body.by ?? 'unknown', at, ...(body.reason !== undefined && { reason: body.reason }) };
  return { ...known, open, ...(open.length === 0 && known.open.length > 0 && { resolution }) };
}

/** Ids that a body resolves; undefined where it tells of a failure. */
function endedBy({ id, resolved, of, state }: DeadBody): readonly string[] | 'all' | undefined {
  // A door tells its state under one `since`.
  if (state === 'resolved') return 'all';
  if (resolved !== true) return undefined;
  if (of) return of;
  return id.endsWith(resolvedMark) ? [id.slice(0, -resolvedMark.length)] : 'all';
}

const resolvedMark = ':resolved';

export function isOpen({ open }: DeadCase): boolean {
  return open.length > 0;
}

/** Classes of failures of one job at one account: over as soon as what is intended there is proven, or nothing is. */
const ofJobs: ReadonlySet<string> = new Set(['listing', 'validation', 'conflict', 'ambiguous expired', 'throttled out']);
/** A SKU that its runtime has put aside. */
const ofQuarantine: ReadonlySet<string> = new Set(['poison', 'oversize', 'version']);

/** A SKU's record as far as it bears on its dead letters. */
export interface SkuState {
  outlets: Readonly<Record<string, Pick<Outlet, 'intent' | 'proof'>>>;
  applied: number;
  quarantined: boolean;
}

/** What proves that the cause of a case is gone, judged by its SKU's record; undefined while it may be there. */
export function healedBy({ body, lastAt }: DeadCase, record: SkuState): string | undefined {
  const { class: kind, account, seq } = body;
  if (ofJobs.has(kind) && account !== undefined) {
    const outlet = Object.hasOwn(record.outlets, account) ? record.outlets[account] : undefined;
    if (!outlet) return `nothing is listed at ${account} any more`;
    const { intent, proof } = outlet;
    // A proof from before the failure proves nothing of it.
    return intent && proof?.version === intent.version && proof.at > lastAt ? `proof of ${proof.quantity} at ${account}, ${intent.signature}` : undefined;
  }
  if (ofQuarantine.has(kind)) return !record.quarantined && record.applied >= Number(seq) ? `released, applied up to ${record.applied}` : undefined;
  return undefined;
}
