/** A file against what is held to be true of its source, before any of it is taken in. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { RequestError } from 'nats';
import type { NatsConnection } from 'nats';
import type { Move, MoveLimit } from '../../../actors/channel/governor.ts';
import { placeOf, Snapshot, tooMuch } from '../../../actors/sku/ingest/snapshot.ts';
import type { Part, SnapshotDiff } from '../../../actors/sku/ingest/snapshot.ts';
import { lotsOf } from '../../../actors/sku/lots.ts';
import { unpackStock } from '../../../actors/sku/packing.ts';
import type { PackedStock } from '../../../actors/sku/packing.ts';
import type { ActorRecord } from '../../../runtime/actor.ts';
import { lastMessage } from '../../../runtime/last-message.ts';
import { perform } from '../../../runtime/perform.ts';
import { sourceControl } from '../../../runtime/preview.ts';
import type { Preview, PreviewRequest } from '../../../runtime/preview.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import { readAll } from '../../../runtime/read-all.ts';
import { keyFor, lastToken, streams, subjectOf } from '../../../runtime/subjects.ts';
import { rowsOf } from './csv.ts';
import type { ImportOptions } from './import.ts';
import { linesOf } from './lines.ts';

export interface Comparison {
  diff: SnapshotDiff;
  refused: number;
  /** Limits that are passed, in words; none where it may be taken in. */
  over: string[];
}

export const rowsAtOnce = 200;
const answerWithinMs = 30_000;

/** Compares messages of a source with what is held to be true of it, some at a time. */
export class Comparing {
  readonly #nc: NatsConnection;
  readonly #source: string;
  readonly #snapshot: Snapshot;
  /** Numbers that the source had stated before. */
  readonly known: number;
  #refused = 0;
  #limits: Record<Move, MoveLimit> | undefined;

  private constructor(nc: NatsConnection, source: string, truth: ReadonlyMap<string, number>) {
    this.#nc = nc;
    this.#source = source;
    this.#snapshot = new Snapshot(truth);
    this.known = truth.size;
  }

  static async begin(nc: NatsConnection, source: string): Promise<Comparing> {
    return new Comparing(nc, source, await truthOf(nc, source));
  }

  /** @returns false where no node owns the source and can tell what its messages mean */
  async take(messages: PreviewRequest['messages']): Promise<boolean> {
    const told = await ask(this.#nc, this.#source, messages);
    if (!told) return false;
    for (const { sku, location, quantity, price } of told.counts) this.#snapshot.take(sku, location, quantity, price);
    this.#refused += told.refused;
    this.#limits = told.limits;
    return true;
  }

  /** Rows that cannot even be asked about. */
  refuse(rows: number): void {
    this.#refused += rows;
  }

  /** To be asked for when something was taken. */
  get comparison(): Comparison {
    const diff = this.#snapshot.diff();
    return { diff, refused: this.#refused, over: tooMuch(diff, this.#limits!) };
  }
}

/** @returns undefined where no node owns the source and can tell what its messages mean */
export async function compareFile({ nc, file, source, csv, contentType }: Pick<ImportOptions, 'nc' | 'file' | 'source' | 'csv' | 'contentType'>): Promise<Comparison | undefined> {
  const comparing = await Comparing.begin(nc, source);
  if (!csv) return await comparing.take([{ text: await readFile(file, 'utf8'), contentType, position: '[1]' }]) ? comparing.comparison : undefined;
  const { encoding, ...shape } = csv;
  let rows: PreviewRequest['messages'] = [];
  for await (const row of rowsOf(linesOf(file, encoding), shape)) {
    if (!('value' in row)) { comparing.refuse(1); continue; }
    rows.push({ text: JSON.stringify(row.value), contentType: 'application/json', position: JSON.stringify([1, row.line]) });
    if (rows.length < rowsAtOnce) continue;
    if (!await comparing.take(rows)) return undefined;
    rows = [];
  }
  return await comparing.take(rows) ? comparing.comparison : undefined;
}

/** Every number that the source has stated, as its SKUs hold it. */
async function truthOf(nc: NatsConnection, source: string): Promise<Map<string, number>> {
  const truth = new Map<string, number>();
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.>', from: 'last-per-subject' }, message => {
    if (lastToken(message.subject).startsWith('_') || message.data.length === 0) return;
    const stock = unpackStock(message.json<ActorRecord<PackedStock>>().context);
    for (const [location, lot] of lotsOf(stock)) if (lot.source === source && lot.onHand !== undefined) truth.set(placeOf(stock.sku, location), lot.onHand);
  });
  return truth;
}

/** @throws {Error} with the owner's own words */
async function ask(nc: NatsConnection, source: string, messages: PreviewRequest['messages']): Promise<Preview | undefined> {
  const request: PreviewRequest = { verb: 'preview', messages };
  let answer: Preview | { ok: false; error: string };
  try {
    answer = (await nc.request(sourceControl(source), JSON.stringify(request), { timeout: answerWithinMs })).json();
  } catch (error) {
    if (error instanceof RequestError && error.isNoResponders()) return undefined;
    throw error;
  }
  if (!answer.ok) throw new Error(`${source} could not be asked what it says: ${answer.error}`);
  return answer;
}

/** As people read it. */
export function comparisonText({ diff, refused }: Comparison): string {
  const { known, stated, same, zeroed, lowered, raised, fresh, missing } = diff;
  const line = (name: string, { numbers, units, value, examples }: Part): string => numbers === 0 ? ''
    : `  ${numbers.toLocaleString('en')} ${name}, ${units.toLocaleString('en')} units${value > 0 ? `, worth ${value.toLocaleString('en')}` : ''}: ${examples.slice(0, 5).map(({ sku, location, from, to }) => `${sku}${location === '' ? '' : ` at ${location}`} ${from}${from === to ? '' : `→${to}`}`).join(', ')}${numbers > 5 ? ', …' : ''}\n`;
  return `  ${stated.toLocaleString('en')} numbers stated, ${same.toLocaleString('en')} as they are, of ${known.toLocaleString('en')} known\n`
    + line('go to zero', zeroed) + line('fall', lowered) + line('rise', raised) + (fresh > 0 ? `  ${fresh.toLocaleString('en')} are stated for the first time\n` : '')
    + line('are not in it and stay', missing) + (refused > 0 ? `  ${refused.toLocaleString('en')} rows would be refused\n` : '');
}

const letterOf = (source: string, file: string): string[] => ['dead', 'snapshot', source, keyFor(basename(file))];

/** People are told of a file that is held: one task for a name, however often it is tried. */
export async function tellHeld(publisher: Publisher, { source, file, digest }: { source: string; file: string; digest: string }, comparison: Comparison): Promise<void> {
  const name = basename(file);
  const body = {
    class: 'snapshot', source, file: name, digest,
    message: `${name} is held: ${comparison.over.join('; ')}. Nothing of it was taken in.\n${comparisonText(comparison)}`,
    heals: `the same plumb ingest with --release, if it is right; a corrected file of that name; or a dismissal`,
    at: Date.now(),
  };
  await perform(publisher, [{ to: letterOf(source, file), id: `dead:snapshot:${source}:${digest}`, body }]);
}

/** A file of that name was taken in: what people were told of it is over. */
export async function endHeld(publisher: Publisher, { source, file }: { source: string; file: string }, end: { by: string; how: 'dismissed' | 'healed' }): Promise<void> {
  const to = letterOf(source, file);
  const last = await lastMessage(publisher, streams.dead, subjectOf(to));
  if (last?.data === undefined) return;
  const { id, resolved } = JSON.parse(last.data.toString()) as { id: string; resolved?: boolean };
  if (resolved) return;
  await perform(publisher, [{ to, id: `${id}:resolved`, body: { class: 'snapshot', source, resolved: true, ...end, at: Date.now() } }]);
}
