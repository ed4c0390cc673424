/**
 * A journal folded again, message by message, as its owner folded it: what each fact made of the actor, and whether
 * the stored record says the same (R4). Pure; whoever calls brings the messages.
 */
import diff from 'microdiff';
import type { ActorKind, ActorRecord, PublishEffect } from './actor.ts';
import { asStored, fold, fresh, restored } from './handle.ts';
import type { Hot, Incoming, PoisonError, RuntimeFact } from './handle.ts';

export interface Step<C> {
  message: Incoming;
  before: ActorRecord<C>;
  after: ActorRecord<C>;
  /** What this message alone asked for. */
  effects: readonly PublishEffect[];
  /** A person released the key without it. */
  leftOut: boolean;
  /** The actor throws on it; nothing is applied from here on. */
  poison?: PoisonError;
}

/** Where record and fold part, `path` with dots between. */
export interface Difference { path: string; stored: unknown; folded: unknown }

/** Messages that people left out when they released a key, by sequence. */
export function leftOut(messages: readonly Incoming[]): ReadonlySet<number> {
  return new Set(messages.flatMap(({ body }) => {
    const fact = body as RuntimeFact | undefined;
    return fact?.type === 'quarantine.released' && fact.skip !== undefined ? [fact.skip] : [];
  }));
}

export class Replay<C> {
  readonly #kindAt: (at: number) => ActorKind<C>;
  readonly #leftOut: ReadonlySet<number>;
  #kind: ActorKind<C>;
  #hot: Hot<C>;

  /** @param kindAt the kind as it was configured at that journal time, epoch ms */
  constructor(key: string, kindAt: (at: number) => ActorKind<C>, without: ReadonlySet<number> = new Set()) {
    this.#kindAt = kindAt;
    this.#leftOut = without;
    this.#kind = kindAt(0);
    this.#hot = fresh(this.#kind, key);
  }

  get record(): ActorRecord<C> {
    return this.#hot.record;
  }

  /** As it would stand in KV. */
  get stored(): ActorRecord<unknown> {
    return asStored(this.#kind, this.#hot.record);
  }

  step(message: Incoming): Step<C> {
    const kind = this.#kindAt(message.at);
    if (kind !== this.#kind) this.#hot = restored(kind, asStored(kind, this.#hot.record), 0);
    this.#kind = kind;
    const before = this.#hot.record;
    if (this.#leftOut.has(message.seq)) {
      this.#hot = { ...this.#hot, record: { ...before, applied: message.seq } };
      return { message, before, after: this.#hot.record, effects: [], leftOut: true };
    }
    const next = fold(kind, this.#hot, [message]);
    if (!next || next.poison) return { message, before, after: before, effects: [], leftOut: false, ...(next?.poison && { poison: next.poison }) };
    const record = { ...next.record, outbox: [] };
    this.#hot = { record, state: next.state, revision: 0 };
    return { message, before, after: record, effects: next.record.outbox, leftOut: false };
  }

  /**
   * Compares with a record that was stored when it had applied as much. What it still had to perform depends on how
   * many messages came in one turn, and a quarantine is no part of the fold: neither is compared.
   */
  differences({ quarantined: _reason, ...stored }: ActorRecord<unknown>): Difference[] {
    const folded = asStored(this.#kind, this.#hot.record);
    return differences({ ...stored, outbox: [] }, { ...folded, outbox: [] });
  }
}

/** Where two values differ, as JSON has them: the first stored, the second folded. */
export function differences(stored: object, folded: object): Difference[] {
  const plain = (value: object): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
  return diff(plain(stored), plain(folded), { cyclesFix: false }).map(change => ({
    path: change.path.join('.'),
    stored: change.type === 'CREATE' ? undefined : change.oldValue as unknown,
    folded: change.type === 'REMOVE' ? undefined : change.value as unknown,
  }));
}
