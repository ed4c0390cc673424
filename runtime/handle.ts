/**
 * What messages do to a record, as a pure function: the same record and messages give the same bytes, in whatever
 * turns they came and whichever node folds them. Knows no JetStream; `turn.ts` makes it durable.
 */
import type { AnyMachineSnapshot } from 'xstate';
import type { Effect } from '../actors/effect.ts';
import type { ActorKind, ActorRecord, MessagePlace, PublishEffect } from './actor.ts';
import { recordVersion } from './actor.ts';
import { subjectOf } from './subjects.ts';

/** A journal message on its way into a record. */
export interface Incoming extends MessagePlace {
  body: unknown;
  /** Why its bytes cannot be understood; it then counts as a message that the actor throws on. */
  unreadable?: Error;
}

/** An actor in memory: its record as stored, and the machine's state restored from it. */
export interface Hot<C> {
  record: ActorRecord<C>;
  revision: number;
  state: AnyMachineSnapshot;
}

/** What the runtime itself hears in a journal; everything else is for the actor. */
export type RuntimeFact =
  /** A due time has come. `at` tells it from one that replaced it. */
  | { type: 'timer.due'; id: string; at: number }
  /** A person releases a quarantined key: it goes on behind what it has applied, or behind `skip`, which is left out. */
  | { type: 'quarantine.released'; skip?: number };

/** An actor that has no record yet. `revision` is not 0 where there was one, and it was deleted. */
export function fresh<C>(kind: ActorKind<C>, key: string, revision = 0): Hot<C> {
  const state = kind.stepper.initial(kind.initial(key));
  const record: ActorRecord<C> = { v: recordVersion, applied: 0, at: 0, state: state.value, context: state.context as C, due: {}, outbox: [] };
  return { record, revision, state };
}

/** @throws {Error} when the record is of a version, or in a state, that this node does not know */
export function restored<C>(kind: ActorKind<C>, stored: ActorRecord<unknown>, revision: number): Hot<C> {
  const record = stored.v === recordVersion ? { ...stored, context: kind.unpack(stored.context) } : kind.migrate(stored);
  return { record, revision, state: kind.stepper.restore({ value: record.state, context: record.context }) };
}

/** A record as its bytes in KV are made from. */
export function asStored<C>(kind: ActorKind<C>, record: ActorRecord<C>): ActorRecord<unknown> {
  return { ...record, context: kind.pack(record.context) };
}

/** An actor threw on a message: a bug, since bad input never reaches a machine. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError';
  readonly seq: number;

  constructor(seq: number, cause: unknown) {
    super(`actor threw on message ${seq}: ${(cause as Error)?.message ?? String(cause)}`, { cause });
    this.seq = seq;
  }
}

export interface Folded<C> {
  record: ActorRecord<C>;
  state: AnyMachineSnapshot;
  /** The message that the actor threw on. What came before it is in the record, it and what came behind it are not. */
  poison?: PoisonError;
}

/**
 * Folds messages in, in order; those already applied are skipped. The record's outbox is what these messages asked
 * for: what the record before held must have been performed.
 *
 * @param most fold no more than so many
 * @returns undefined when there was nothing left to apply
 */
export function fold<C>(kind: ActorKind<C>, { record, state: before }: Hot<C>, messages: readonly Incoming[], most = Infinity): Folded<C> | undefined {
  let state = before;
  let { applied, at, due } = record;
  const outbox: PublishEffect[] = [];
  let poison: PoisonError | undefined;
  let left = most;
  for (const message of messages) {
    if (message.seq <= applied) continue;
    if (left-- <= 0) break;
    const effects: Effect[] = [];
    try {
      if (message.unreadable) throw message.unreadable;
      const [event, rest] = arrive(kind, message, due);
      const after = event ? kind.stepper.step(state, event, effects) : state;
      // An effect that has no subject could never be performed: found before it is stored.
      for (const effect of effects) if (effect.kind === 'publish') subjectOf(effect.to);
      state = after;
      due = rest;
    } catch (cause) {
      poison = new PoisonError(message.seq, cause);
      break;
    }
    for (const effect of effects) {
      if (effect.kind === 'publish') outbox.push({ to: effect.to, id: effect.id, body: effect.body });
      else if (effect.kind === 'cancel') due = without(due, effect.id);
      else due = { ...due, [effect.id]: { at: message.at + effect.delayMs, event: effect.event } };
    }
    applied = message.seq;
    at = message.at;
  }
  if (applied === record.applied) return poison && { record, state: before, poison };
  return {
    record: { v: recordVersion, applied, at, state: state.value, context: state.context as C, due, outbox },
    state,
    ...(poison && { poison }),
  };
}

/** A timer's message becomes its event if that timer is still in force; anything else is the actor's own. */
function arrive<C>(kind: ActorKind<C>, message: Incoming, due: ActorRecord['due']): [event: { type: string } | undefined, due: ActorRecord['due']] {
  const { seq, at, correlation } = message;
  const place = { seq, at, correlation };
  const body = message.body as RuntimeFact;
  if (body?.type === 'quarantine.released') return [undefined, due];
  if (body?.type !== 'timer.due') return [kind.event(body, place), due];
  const timer = due[body.id];
  if (!timer || timer.at !== body.at) return [undefined, due];
  const { place: asked } = timer.event as { place?: MessagePlace };
  return [{ ...timer.event, place: { ...place, correlation: asked?.correlation ?? correlation } } as { type: string }, without(due, body.id)];
}

function without<T>(map: Record<string, T>, id: string): Record<string, T> {
  const { [id]: _gone, ...rest } = map;
  return rest;
}
