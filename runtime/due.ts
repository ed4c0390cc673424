/**
 * The due times of a partition's actors: one wake-up a key, at its earliest. Which timers are due is read from the
 * record then, so one that was cancelled or replaced in between says nothing. Kept in the checkpoint: a new owner
 * takes them over without reading a record.
 */
import type { ActorRecord } from './actor.ts';

export interface DuePorts {
  /** Epoch ms by the broker. */
  now(): number;
  /** Calls back at that time or soon after. */
  wakeAt(at: number, wake: () => void): void;
  /** The record of a key as it is now; undefined where there is none. */
  recordOf(token: string): Promise<Pick<ActorRecord, 'due' | 'quarantined'> | undefined>;
  /** Tells an actor, through its journal, that a time has come. @throws when the journal does not have it */
  tell(token: string, timer: { id: string; at: number }): Promise<void>;
}

/** After a timer could not be told. */
const againMs = 500;
/** A timer that was told and is still in force by then is told again. */
const doubtMs = 5_000;

export class Due {
  readonly #ports: DuePorts;
  /** Earliest due time by token. */
  readonly #next = new Map<string, number>();
  /** When each token is woken; never later than its earliest due time. */
  readonly #armed = new Map<string, number>();
  #stopped = false;

  constructor(ports: DuePorts) {
    this.#ports = ports;
  }

  /** For the checkpoint. */
  entries(): Record<string, number> {
    return Object.fromEntries(this.#next);
  }

  takeOver(entries: Readonly<Record<string, number>>): void {
    for (const [token, at] of Object.entries(entries)) this.#set(token, at);
  }

  /** A record was stored or loaded: what it waits for counts from now on. A quarantined actor waits for nothing. */
  note(token: string, { due, quarantined }: Pick<ActorRecord, 'due' | 'quarantined'>): void {
    let earliest = Infinity;
    if (!quarantined) for (const id in due) earliest = Math.min(earliest, due[id]!.at);
    if (earliest === Infinity) this.#next.delete(token);
    else this.#set(token, earliest);
  }

  stop(): void {
    this.#stopped = true;
    this.#next.clear();
  }

  #set(token: string, at: number): void {
    this.#next.set(token, at);
    this.#arm(token, at);
  }

  #arm(token: string, at: number): void {
    if (at >= (this.#armed.get(token) ?? Infinity)) return;
    this.#armed.set(token, at);
    this.#ports.wakeAt(at, () => {
      // A later time replaced it: that one is armed by now, or by this.
      if (this.#armed.get(token) !== at) return;
      this.#armed.delete(token);
      void this.#wake(token);
    });
  }

  async #wake(token: string): Promise<void> {
    const next = this.#next.get(token);
    if (this.#stopped || next === undefined) return;
    const now = this.#ports.now();
    if (next > now) return this.#arm(token, next);
    try {
      const record = await this.#ports.recordOf(token);
      if (!record || record.quarantined) return void this.#next.delete(token);
      const told = Object.entries(record.due).filter(([, { at }]) => at <= now).map(([id, { at }]) => this.#ports.tell(token, { id, at }));
      await Promise.all(told);
      // What was told comes back through the journal and is noted then.
      if (told.length === 0) this.note(token, record);
      else this.#arm(token, now + doubtMs);
    } catch {
      if (!this.#stopped) this.#arm(token, now + againMs);
    }
  }
}
