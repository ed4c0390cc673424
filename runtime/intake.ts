/** What was understood of a source's message, on its way: facts to SKU journals, refusals to dead letters, questions to the source. */
import type { Ask } from '../actors/sku/ingest/canonical.ts';
import type { Mapped, Mapping, RawMessage, Refusal } from '../actors/sku/ingest/mapping.ts';
import { MalformedError } from '../actors/sku/ingest/refusal.ts';
import type { PublishEffect } from './actor.ts';
import { encodeJournal, journalHeaders } from './codec.ts';
import { perform } from './perform.ts';
import type { Publisher } from './publisher.ts';
import type { StreamMessage } from './stream-message.ts';
import { keyFor, skuSubject } from './subjects.ts';

/** Sends one thing; sending it again changes nothing. */
export type Send = (publisher: Publisher) => Promise<unknown>;

type Stored = Pick<RawMessage, 'seq' | 'at'>;

/** Characters of the source's own words that a dead letter keeps. */
const rawMax = 100_000;

export function rawOf(message: StreamMessage): RawMessage {
  const header = <K extends keyof RawMessage>(key: K, name: string): Partial<RawMessage> => {
    const value = message.header(name);
    return value === undefined || value === '' ? {} : { [key]: value };
  };
  return {
    text: message.string(), seq: message.seq, at: message.at,
    ...header('id', 'Nats-Msg-Id'), ...header('contentType', 'Content-Type'), ...header('position', 'Plumb-Position'), ...header('door', 'Plumb-Door'),
  };
}

/**
 * Everything a message asks to be sent. Rows that are refused keep no others back. Ids name the message by its sequence
 * and by when it was stored: a broker that lost its end gives the sequence to another one.
 */
export async function intake(source: string, mapping: Mapping, message: RawMessage, now: () => number): Promise<{ sends: Send[]; mapped: Mapped }> {
  const mapped = await mapping.map(message, () => new Promise(resolve => { setImmediate(resolve); }));
  const { events, asks } = mapped;
  const refusals = [...mapped.refusals];
  const sends: Send[] = [];
  for (const [n, event] of events.entries()) {
    try {
      sends.push(fact(source, message, events.length === 1 ? undefined : n + 1, event));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      refusals.push({ error });
    }
  }
  // One letter for each refusal: the first of a message has the message's own name.
  for (const [n, refusal] of refusals.entries()) sends.push(letter(source, message, refusal, n === 0 ? undefined : n + 1, now()));
  for (const [n, asked] of asks.entries()) sends.push(question(source, message, asked, n + 1));
  return { sends, mapped };
}

/**
 * @param n tells facts of one message apart
 * @throws {MalformedError} for a SKU that has no subject, being too long once it is escaped
 */
export function fact(source: string, message: Stored, n: number | undefined, event: { id: string; sku: string; fact: object }): Send {
  const subject = subjectFor(event.sku);
  const id = `in:${source}:${nameOf(message)}${n === undefined ? '' : `:${n}`}`;
  return publisher => publisher.publish(subject, encodeJournal(event.fact), journalHeaders({ id, cause: `ingest:${message.seq}`, correlation: `${source}:${event.id}` }));
}

/** @param n tells letters of one message apart; none for the first */
export function letter(source: string, message: RawMessage, { error, row, raw }: Omit<Refusal, 'error'> & { error: Error }, n: number | undefined, at: number): Send {
  const { seq, id, text } = message;
  const { class: kind, field, value, expression } = error instanceof MalformedError ? error : { class: 'malformed', field: '', value: undefined, expression: undefined };
  const key = id ?? String(seq);
  const suffix = n === undefined ? '' : `:${n}`;
  const effect: PublishEffect = {
    to: ['dead', kind, source, keyFor(`${key}${suffix}`)],
    id: `dead:${kind}:${source}:${nameOf(message)}${suffix}`,
    body: {
      class: kind, source, seq, field, value,
      ...(row !== undefined && { row }), ...(expression !== undefined && { expression }),
      message: error.message,
      heals: kind === 'unmapped' ? 'the name in the mapping\'s table, and the message again' : 'a corrected message from the source',
      raw: (raw === undefined ? text : JSON.stringify(raw)).slice(0, rawMax),
      at,
    },
  };
  return publisher => perform(publisher, [effect]);
}

/** In the words in which a SKU asks for what is missing. */
function question(source: string, message: Stored, { key, ...known }: Ask, n: number): Send {
  const effect: PublishEffect = { to: ['ask', source, keyFor(key)], id: `ask:${source}:${nameOf(message)}:${n}`, body: { ...known, ...(known.sku === undefined && { about: key }), source, missing: 'a count', since: message.at } };
  return publisher => perform(publisher, [effect]);
}

function nameOf({ seq, at }: Stored): string {
  return `${seq}.${at}`;
}

function subjectFor(sku: string): string {
  try {
    return skuSubject(sku);
  } catch (error) {
    throw new MalformedError('sku', sku, (error as Error).message);
  }
}
