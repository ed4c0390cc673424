/** What the runtime must know of a kind of actor to keep its records; it knows no SKU beyond this. */
import type { Stepper } from './step.ts';

/** A record as stored in KV, one JSON line: snapshot, outbox, due timers and the last sequence applied, in one write. */
export interface ActorRecord<C = unknown> {
  /** Version of this shape. */
  v: number;
  /** Sequence of the last journal message applied. */
  applied: number;
  /** Its journal time, epoch ms. */
  at: number;
  /** The machine's state. */
  state: unknown;
  context: C;
  /** Timers in force, by id; `at` in epoch ms. */
  due: Record<string, { at: number; event: { type: string } }>;
  /** Effects asked for by the last turn and not known to be performed: whoever loads the record performs them first. */
  outbox: PublishEffect[];
  /** Nothing more is applied until a person releases the key. */
  quarantined?: Quarantine;
}

export interface Quarantine {
  /** The message that the actor threw on, or whose record could not be stored. */
  seq: number;
  /** Its journal time, epoch ms. */
  at: number;
  error: string;
  /** The last release that was tried, by its sequence; 0 for none. */
  released: number;
}

export interface PublishEffect { to: string[]; id: string; body: unknown; correlation?: string }

export const recordVersion = 1;

/** Where a message stands in its journal. */
export interface MessagePlace { seq: number; at: number; correlation: string }

export interface ActorKind<C> {
  stepper: Stepper<C>;
  /** The state of a key that has no record yet. */
  initial(key: string): C;
  /** The event that a journal message means to the machine. */
  event(body: unknown, place: MessagePlace): { type: string };
  /**
   * Several messages as one event, where the machine does then what it does when told of one after the other. Events of
   * timers that it asks for carry the `place` of the message behind them.
   */
  together?(told: readonly { body: unknown; place: MessagePlace }[]): { type: string };
  /**
   * The context as it stands in the stored record, and back; the inverse of each other. Equal contexts give equal
   * bytes, in whatever order their fields came about.
   */
  pack(context: C): unknown;
  unpack(stored: unknown): C;
  /** Brings a record of an older version up to `recordVersion`, or throws naming both. */
  migrate(record: ActorRecord<unknown>): ActorRecord<C>;
}
