/** What a SKU actor says to people and to its sources: dead letters, what resolves them, and asks for a snapshot. Pure. */
import { lotAt } from './lots.ts';
import { ordinalOf, positionText } from './position.ts';
import type { KitFact, Message, Place, Position, SourcePolicy, Stock, StockFact } from './protocol.ts';
import type { Applied } from './sequence.ts';

/** Ids tell locations apart; the unnamed one has none. */
function at(location: string): string {
  return location === '' ? '' : `@${location}`;
}

const where = (location: string): { location?: string } => (location === '' ? {} : { location });

function waitsFor(stock: Stock, location: string, sources: Readonly<Record<string, SourcePolicy>> = {}) {
  const { source, held, onHand, position, registers } = lotAt(stock, location);
  const speaker = source ?? held[0]?.source ?? 'unknown';
  const { inOrder = false } = sources[speaker] ?? {};
  return { source: speaker, inOrder, position, uncounted: onHand === undefined && !inOrder, changes: held.length + (registers?.onHand.deltas.length ?? 0) };
}

type Policies = Readonly<Record<string, SourcePolicy>> | undefined;

/** A gap that stays: people are to see why the source does not tell what is missing. */
export function gapTask(stock: Stock, location: string, { at: time }: Place, sources: Policies): Message {
  const { source, inOrder, position, uncounted, changes } = waitsFor(stock, location, sources);
  const { sku } = stock;
  const what = location === '' ? sku : `${sku} at ${location}`;
  return {
    to: ['dead', 'gap', source, sku],
    id: gapId(sku, position, location),
    body: {
      class: 'gap', sku, ...where(location), source,
      message: uncounted
        ? `${what} was never counted; ${changes} changes wait for its first count`
        : `position ${next(position)} of ${what} never came; ${changes} later changes wait behind it`,
      heals: uncounted ? 'a count' : inOrder ? 'the missing event' : 'the missing event, or a count with a higher position',
      at: time,
    },
  };
}

/** The gap that people were told of is filled: the same entry, resolved. */
export function gapHealed({ sku }: Stock, location: string, source: string, position: Position, { at: time, correlation }: Place): Message {
  return {
    to: ['dead', 'gap', source, sku],
    id: `${gapId(sku, position, location)}:resolved`,
    body: { class: 'gap', sku, ...where(location), source, resolved: true, by: correlation, at: time },
  };
}

function gapId(sku: string, position: Position, location: string): string {
  return `gap:${sku}:${positionText(position)}${at(location)}`;
}

function next(position: Position): number {
  return (ordinalOf(position) ?? 0) + 1;
}

/**
 * Asks a source to state the number of a SKU anew: `missing` is what it did not tell.
 *
 * @param since when that was found, epoch ms
 */
export function askFor(stock: Stock, location: string, since: number, sources: Policies): Message {
  const { source, position, uncounted } = waitsFor(stock, location, sources);
  return ask(stock.sku, location, source, uncounted ? 'a first count' : `position ${next(position)}`, positionText(position), since);
}

function ask(sku: string, location: string, source: string, missing: string, key: string, since: number): Message {
  return { to: ['ask', source, sku], id: `ask:${sku}:${key}${at(location)}:${since}`, body: { sku, ...where(location), source, missing, since } };
}

/** A fact that could not be taken as it stands, and what to ask the source for then. */
export function problemOf(stock: Stock, fact: StockFact, problem: NonNullable<Applied<never>['problem']>, place: Place): Message[] {
  const { sku } = stock;
  const { source, location = '' } = fact;
  const position = positionText(fact.position);
  const { message, heals } = problems[problem];
  const letter = {
    to: ['dead', problem, source, sku],
    id: `${problem}:${sku}:${source}:${position}:${fact.type}${at(location)}`,
    body: { class: problem, sku, ...where(location), source, message: `${source}, position ${position} of ${sku}: ${message}`, heals, fact, at: place.at },
  };
  return problem === 'late' ? [letter, ask(sku, location, source, 'a count', position, place.at)] : [letter];
}

const problems = {
  late: {
    message: 'too many newer changes have come to tell whether this one was counted already; it was not applied',
    heals: 'a count with a higher position',
  },
  conflict: {
    message: 'this position was told before with another number; the one that shows less is taken',
    heals: 'a count with a higher position; a position that no two facts share (a tie-break) in the mapping of the source',
  },
  position: {
    message: 'is no place in a sequence 1, 2, 3 …; it was not applied',
    heals: "order: monotone for this source, or a mapping that gives its sequence",
  },
} as const;

/** A kit that cannot be made: its definition is not taken. */
export function kitRefused({ sku }: Stock, { source, position, parts }: KitFact, reason: string, { at: time }: Place): Message {
  return {
    to: ['dead', 'kit', source, sku],
    id: `kit:${sku}:${source}:${positionText(position)}`,
    body: {
      class: 'kit', sku, source, at: time, parts,
      message: `${sku} cannot be made of ${Object.keys(parts).map(part => part.slice(0, 120)).join(', ')}: ${reason}`,
      heals: 'a definition with a higher position',
    },
  };
}

/** A kit that turns out to be a part of itself: none is shown until one of those in the circle is defined anew. */
export function kitBroken({ sku, kit }: Stock, above: readonly string[], { at: time, correlation }: Place, healed = false): Message {
  const { source = 'unknown' } = kit ?? {};
  const id = `kit:${sku}:${source}:circle`;
  const to = ['dead', 'kit', source, sku];
  if (healed) return { to, id: `${id}:resolved`, body: { class: 'kit', sku, source, resolved: true, by: correlation, at: time } };
  return { to, id, body: { class: 'kit', sku, source, at: time, message: `${sku} is a part of itself, by way of ${above.filter(each => each !== sku).join(', ')}: it shows 0`, heals: 'another definition of one of them' } };
}

/** A second source speaks where one does already. */
export function foreign(stock: Stock, fact: StockFact | KitFact, { at: time }: Place): Message {
  const { sku } = stock;
  const { source } = fact;
  const location = fact.type === 'kit.defined' ? '' : fact.location ?? '';
  const owner = fact.type === 'kit.defined' ? stock.kit?.source : lotAt(stock, location).source;
  const what = location === '' ? sku : `${sku} at ${location}`;
  return {
    to: ['dead', 'source', source, sku],
    id: `source:${sku}:${source}:${positionText(fact.position)}${at(location)}`,
    body: {
      class: 'source', sku, ...where(location), source,
      message: `${source} spoke of ${what}, which belongs to ${owner}: positions of two sources cannot be compared`,
      heals: `one source for ${what}`,
      fact,
      at: time,
    },
  };
}
