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
  | { type: 'quarantine.released'; skip?: number }
  /** The journal lost what this record had applied: it goes on from the record as it was (docs/rebuild.md). */
  | { type: 'record.kept'; record: Omit<ActorRecord<unknown>, 'outbox'> };

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
  /** Up to here messages are told one by one. */
  let oneByOne = 0;
  const take = (effects: readonly Effect[], { seq, at: when }: Incoming): void => {
    for (const effect of effects) {
      if (effect.kind === 'publish') outbox.push({ to: effect.to, id: effect.id, body: effect.body, ...(effect.correlation !== undefined && { correlation: effect.correlation }) });
      else if (effect.kind === 'cancel') due = without(due, effect.id);
      else due = { ...due, [effect.id]: { at: askedAt(effect, when) + effect.delayMs, event: effect.event } };
    }
    applied = seq;
    at = when;
  };
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (message.seq <= applied) continue;
    if (left <= 0) break;
    const effects: Effect[] = [];
    const end = kind.together && i >= oneByOne ? endOfPlain(messages, i, left) : i + 1;
    if (end > i + 1) {
      try {
        state = stepped(kind, state, kind.together!(messages.slice(i, end).map(({ seq, at: when, correlation, body }) => ({ body, place: { seq, at: when, correlation } }))), effects);
        take(effects, messages[end - 1]!);
        left -= end - i;
        i = end - 1;
        continue;
      } catch {
        // Which of them it is shows when they are told one by one.
        effects.length = 0;
        oneByOne = end;
      }
    }
    left -= 1;
    try {
      if (message.unreadable) throw message.unreadable;
      const kept = keptIn(kind, message);
      if (kept) {
        ({ state, record: { due } } = kept);
        take(effects, message);
        continue;
      }
      const [event, rest] = arrive(kind, message, due);
      state = event ? stepped(kind, state, event, effects) : state;
      due = rest;
    } catch (cause) {
      poison = new PoisonError(message.seq, cause);
      break;
    }
    take(effects, message);
  }
  if (applied === record.applied) return poison && { record, state: before, poison };
  return {
    record: { v: recordVersion, applied, at, state: state.value, context: state.context as C, due, outbox },
    state,
    ...(poison && { poison }),
  };
}

/** @throws what the actor throws, and for an effect that has no subject: it could never be performed */
function stepped<C>({ stepper }: ActorKind<C>, state: AnyMachineSnapshot, event: { type: string }, effects: Effect[]): AnyMachineSnapshot {
  const after = stepper.step(state, event, effects);
  for (const effect of effects) if (effect.kind === 'publish') subjectOf(effect.to);
  return after;
}

/** Of messages that follow each other and are the actor's own, not the runtime's: the end, `most` of them at most. */
function endOfPlain(messages: readonly Incoming[], start: number, most: number): number {
  let end = start;
  while (end < messages.length && end - start < most && isPlain(messages[end]!)) end++;
  return end;
}

function isPlain({ unreadable, body }: Incoming): boolean {
  if (unreadable) return false;
  const { type } = (body ?? {}) as { type?: unknown };
  return type !== 'quarantine.released' && type !== 'timer.due' && type !== 'record.kept';
}

/** A timer counts from the message that asked for it. */
function askedAt({ event }: Effect & { kind: 'schedule' }, last: number): number {
  return (event as { place?: MessagePlace }).place?.at ?? last;
}

function keptIn<C>(kind: ActorKind<C>, { body }: Incoming): Hot<C> | undefined {
  const fact = body as RuntimeFact | undefined;
  return fact?.type === 'record.kept' ? restored(kind, { ...fact.record, outbox: [] }, 0) : undefined;
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
