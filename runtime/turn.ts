/**
 * One turn of one actor: every message that waits for it is folded in, the record is stored by one compare-and-set,
 * then what it asks for is performed. The invariants of the runtime are kept here:
 *
 * R1  Messages are applied in journal order, each exactly once: a record names the last one it contains, and a write
 *     succeeds only on the very revision that it was folded from.
 * R2  An effect is performed after the record that asks for it is stored, and before that record moves on. Its outbox
 *     is emptied by a write of its own, so a crash repeats an effect, under the same id, and loses none.
 * R3  A former owner's write is refused, for the new owner has moved the revision on; or it comes first and is then
 *     the right next state, which the new owner finds, skips and performs.
 *
 * A key whose actor throws is quarantined alone: its record stays at what was applied before, and later messages wait
 * in the journal until a person releases it.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { ActorKind, ActorRecord, PublishEffect, Quarantine } from './actor.ts';
import { asStored, PoisonError, fold, fresh, restored } from './handle.ts';
import type { Hot, Incoming, RuntimeFact } from './handle.ts';
import { readAgain } from './journal.ts';
import { PublishError } from './publisher.ts';
import { RecordError, maxRecordBytes } from './records.ts';
import type { Records } from './records.ts';

export interface TurnPorts<C> {
  nc: NatsConnection;
  records: Records;
  kind: ActorKind<C>;
  log: Logger;
  /** Performs what a stored record asks for; resolves when it is durable. A repeat is harmless. */
  perform(effects: readonly PublishEffect[]): Promise<void>;
  /** Told of each record that is being stored, by its subject and bytes, but for those of quarantined keys. */
  onStoring?(subject: string, record: ActorRecord<C>, data: Uint8Array): void;
  /** And when it is. */
  onStored?(subject: string, record: ActorRecord<C>, revision: number): void;
}

/** An actor as its owner holds it. */
export interface Slot<C> {
  readonly key: string;
  /** Subjects of its journal and its record. */
  readonly journal: string;
  readonly record: string;
  /** What is stored, as far as this owner knows; nothing before it is loaded. */
  kept: Hot<C> | Held | undefined;
}

/** A quarantined actor: its record may be of a version that this node cannot read. */
export interface Held { record: ActorRecord<unknown> & { quarantined: Quarantine }; revision: number; state?: never }

/** An actor that throws is given the message again, on a state loaded anew, before its key is quarantined. */
const poisonTries = 3;
/** Other writers of a key are former owners, of which there are few. */
const conflictsMax = 20;
const pauseMaxMs = 1_000;
/** A record that is full must still hold why it is quarantined. */
const maxHeldBytes = maxRecordBytes + 64 * 1024;

/**
 * Resolves when every message of the batch is in the stored record and all that it asks for is performed, or when the
 * key is quarantined. Waits for the broker as long as it takes.
 *
 * @throws {Error} when `signal` says that the partition is given up; and for bugs of the runtime itself
 */
export async function takeTurn<C>(ports: TurnPorts<C>, slot: Slot<C>, batch: readonly Incoming[], signal: AbortSignal): Promise<void> {
  const turn = new Turn(ports, slot, batch, signal);
  let conflicts = 0;
  let failures = 0;
  for (;;) {
    try {
      if (await turn.step()) return;
      failures = 0;
    } catch (error) {
      if (!(error instanceof PublishError) || signal.aborted || (error.isConflict && ++conflicts > conflictsMax)) throw error;
      // Another owner wrote, or the answer to our own write was lost: what the stream's leader has tells.
      turn.forget();
      if (error.isConflict) continue;
      if (failures % 20 === 0) ports.log.warn({ err: error, key: slot.key }, 'the broker does not answer, a key waits');
      await pause(Math.min(pauseMaxMs, 50 * 2 ** failures++), signal);
    }
  }
}

class Turn<C> {
  readonly #ports: TurnPorts<C>;
  readonly #slot: Slot<C>;
  readonly #batch: readonly Incoming[];
  readonly #signal: AbortSignal;
  #messages: readonly Incoming[];
  /** The key is being released: messages up to this one come from the journal, and its record says so until then. */
  #release: { seq: number; from: Quarantine } | undefined;
  /** Messages in one write; one by one when a record could not be written, to find the one that spoils it. */
  #most = Infinity;
  #thrown = 0;

  constructor(ports: TurnPorts<C>, slot: Slot<C>, batch: readonly Incoming[], signal: AbortSignal) {
    this.#ports = ports;
    this.#slot = slot;
    this.#batch = this.#messages = batch;
    this.#signal = signal;
  }

  /** What is known of the record may be wrong: it is loaded again. */
  forget(): void {
    this.#slot.kept = undefined;
    this.#release = undefined;
    this.#messages = this.#batch;
  }

  /** One write at most. @returns whether the turn is over */
  async step(): Promise<boolean> {
    const slot = this.#slot;
    const kept = slot.kept ??= await this.#load();
    if (kept.record.outbox.length > 0) {
      await this.#ports.perform(kept.record.outbox);
      await this.#store({ ...kept, record: { ...kept.record, outbox: [] } } as typeof kept);
      return false;
    }
    if (isHeld(kept)) return !(await this.#unlock(kept));
    const next = fold(this.#ports.kind, kept, this.#messages, this.#most);
    if (!next) return true;
    if (next.record === kept.record) return this.#poisoned(next.poison!);
    const { seq, from } = this.#release ?? { seq: 0, from: undefined };
    const record = from && next.record.applied < seq ? { ...next.record, quarantined: from } : next.record;
    try {
      await this.#store({ record, state: next.state, revision: kept.revision });
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      if (this.#most > 1) this.#most = 1;
      else await this.#quarantine(asStored(this.#ports.kind, kept.record), kept.revision, 'oversize', this.#messages.find(m => m.seq > kept.record.applied)!.seq, error);
      return false;
    }
    this.#thrown = 0;
    return record.outbox.length === 0 && record.applied >= this.#messages.at(-1)!.seq;
  }

  async #load(): Promise<Hot<C> | Held> {
    const { records, kind, log } = this.#ports;
    const { key, record: subject } = this.#slot;
    const first = this.#batch[0]!;
    let { value, revision } = await records.read<ActorRecord<unknown>>(subject).catch((error: unknown) => {
      if (!(error instanceof RecordError)) throw error;
      log.error({ err: error, key }, 'record cannot be read, it is made again from its journal');
      return { value: undefined, revision: error.revision };
    });
    if (value === undefined && revision === 0) return fresh(kind, key);
    if (value === undefined) return this.#makeAgain(revision, first);
    if (value.quarantined) return { record: value as Held['record'], revision };
    try {
      return restored(kind, value, revision);
    } catch (error) {
      return this.#quarantine(value, revision, 'version', first.seq, error as Error);
    }
  }

  /** A record that somebody deleted: it asks its own journal for a release, and is folded from the beginning then. */
  #makeAgain(revision: number, first: Incoming): Promise<Held> {
    const { key, journal } = this.#slot;
    const record = asStored(this.#ports.kind, fresh(this.#ports.kind, key).record);
    const to = [...journal.split('.').slice(0, -1), key];
    return this.#store({
      record: {
        ...record,
        quarantined: { seq: 0, at: first.at, error: 'its record was deleted', released: 0 },
        outbox: [{ to, id: `again:${key}:${revision}`, body: { type: 'quarantine.released' } satisfies RuntimeFact }],
      },
      revision,
    });
  }

  /** Goes on with a quarantined actor if a release is among the messages. @returns whether there was one */
  async #unlock({ record, revision }: Held): Promise<boolean> {
    const { quarantined, ...rest } = record;
    const release = this.#batch.find(({ seq, body }) => seq > quarantined.released && (body as RuntimeFact | undefined)?.type === 'quarantine.released');
    if (!release) return false;
    const { skip } = release.body as RuntimeFact & { type: 'quarantine.released' };
    const applied = skip === quarantined.seq ? Math.max(skip, record.applied) : record.applied;
    this.#release = { seq: release.seq, from: quarantined };
    let hot: Hot<C>;
    try {
      hot = restored(this.#ports.kind, { ...rest, applied }, revision);
    } catch (error) {
      await this.#quarantine(record, revision, 'version', quarantined.seq, error as Error);
      return true;
    }
    const missed = await readAgain(this.#ports.nc, this.#slot.journal, { from: applied + 1, to: release.seq }, this.#signal);
    this.#messages = [...missed, ...this.#batch.filter(({ seq }) => seq > release.seq)];
    this.#slot.kept = hot;
    return true;
  }

  /** The actor threw on the very next message. */
  async #poisoned(poison: PoisonError): Promise<false> {
    const { record, revision } = this.#slot.kept as Hot<C>;
    this.#thrown += 1;
    if (this.#thrown < poisonTries) this.forget();
    else await this.#quarantine(asStored(this.#ports.kind, record), revision, 'poison', poison.seq, poison);
    return false;
  }

  /** Stores the record as it was, with the reason and one dead letter. */
  #quarantine(record: ActorRecord<unknown>, revision: number, kind: keyof typeof heals, seq: number, error: Error): Promise<Held> {
    const { key } = this.#slot;
    this.#ports.log.error({ err: error, key, seq }, 'key is quarantined');
    this.#thrown = 0;
    const { at } = this.#messages.find(message => message.seq === seq) ?? this.#batch[0]!;
    const released = this.#release?.seq ?? record.quarantined?.released ?? 0;
    const message = error.message.slice(0, 1_000);
    const body = { class: kind, sku: key, seq, message, heals: heals[kind], at };
    return this.#store({
      record: {
        ...record,
        quarantined: { seq, at, error: message, released },
        outbox: [...record.outbox, { to: ['dead', kind, 'sku', key], id: `${kind}:${key}:${seq}:${released}`, body }],
      },
      revision,
    });
  }

  async #store<K extends Hot<C> | Held>(kept: K): Promise<K> {
    const { record } = kept;
    // A held record was never restored: it goes back as it came.
    const { records, kind } = this.#ports;
    const { record: subject } = this.#slot;
    const revision = isHeld<C>(kept) ? await records.put(subject, record, kept.revision, maxHeldBytes)
      : await records.put(subject, asStored(kind, record as ActorRecord<C>), kept.revision, record.quarantined ? maxHeldBytes : undefined, data => this.#ports.onStoring?.(subject, record as ActorRecord<C>, data));
    const stored: K = { ...kept, revision };
    this.#slot.kept = stored;
    if (!isHeld<C>(stored)) this.#ports.onStored?.(this.#slot.record, stored.record as ActorRecord<C>, revision);
    return stored;
  }
}

const heals = {
  poison: 'a version of Plumb that can apply it, then a release; or a release that leaves it out',
  oversize: 'less in the record of this SKU, then a release; or a release that leaves the message out',
  version: 'a version of Plumb that reads the record, then a release',
} as const;

function isHeld<C>(kept: Hot<C> | Held): kept is Held {
  return kept.state === undefined;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timeout = setTimeout(resolve, ms);
  const abort = (): void => resolve();
  signal.addEventListener('abort', abort);
  await promise;
  clearTimeout(timeout);
  signal.removeEventListener('abort', abort);
}
