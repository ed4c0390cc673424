/** Tells each page that looks what has changed since it was last told, as server-sent events. */
import type { ServerResponse } from 'node:http';
import type { Picture } from './picture.ts';
import type { PairRow, PairsChange, Told } from './protocol.ts';

const everyMs = 500;
/** A page that takes nothing for so long has lost its line. */
const pulseMs = 10_000;

interface Teller {
  to: ServerResponse;
  said: Map<keyof Told, string>;
  rows: Map<string, string> | undefined;
  total: number;
  spokeAt: number;
}

export class Tellers {
  readonly #picture: Picture;
  readonly #actions: boolean;
  readonly #tellers = new Set<Teller>();
  readonly #timer: NodeJS.Timeout;

  constructor(picture: Picture, actions: boolean) {
    this.#picture = picture;
    this.#actions = actions;
    this.#timer = setInterval(() => this.soon(), everyMs);
  }

  add(to: ServerResponse): void {
    const teller: Teller = { to, said: new Map(), rows: undefined, total: 0, spokeAt: 0 };
    this.#tellers.add(teller);
    to.on('close', () => this.#tellers.delete(teller));
    to.on('error', () => this.#tellers.delete(teller));
    to.write('retry: 1000\n\n');
    this.soon();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { to } of this.#tellers) to.end();
  }

  /** Tells what there is to be told now. */
  soon(): void {
    if (this.#tellers.size === 0) return;
    const picture = this.#picture;
    picture.looked();
    const told = { overview: JSON.stringify(picture.overview(this.#actions)), tasks: JSON.stringify(picture.tasks), trend: JSON.stringify(picture.trend) };
    const { total, rows } = picture.pairs;
    const current = new Map(rows.map(row => [`${row.account}/${row.sku}`, row]));
    for (const teller of this.#tellers) {
      // A line that is slow is told less often, not ever later.
      if (teller.to.writableNeedDrain) continue;
      for (const [name, text] of Object.entries(told) as [keyof Told, string][]) this.#tell(teller, name, text);
      const change = changeOf(teller, current, total);
      if (change) this.#tell(teller, 'pairs', JSON.stringify(change));
      if (Date.now() - teller.spokeAt > pulseMs) this.#write(teller, ': still here\n\n');
    }
  }

  #tell(teller: Teller, name: keyof Told, text: string): void {
    // The time alone is no news.
    const news = name === 'overview' ? text.replace(/"at":\d+,/, '') : text;
    if (teller.said.get(name) === news) return;
    teller.said.set(name, news);
    this.#write(teller, `event: ${name}\ndata: ${text}\n\n`);
  }

  #write(teller: Teller, text: string): void {
    teller.spokeAt = Date.now();
    teller.to.write(text);
  }
}

/** What is to be told of the pairs; undefined for nothing. */
function changeOf(teller: Teller, current: ReadonlyMap<string, PairRow>, total: number): PairsChange | undefined {
  const before = teller.rows;
  const next = new Map<string, string>();
  const set: PairRow[] = [];
  for (const [key, row] of current) {
    const text = `${row.should} ${row.shows} ${row.atRisk} ${row.state} ${row.since} ${row.cause}`;
    next.set(key, text);
    if (before?.get(key) !== text) set.push(row);
  }
  const gone: PairsChange['gone'] = [];
  for (const key of before?.keys() ?? []) {
    if (next.has(key)) continue;
    const cut = key.indexOf('/');
    gone.push({ account: key.slice(0, cut), sku: key.slice(cut + 1) });
  }
  if (before && set.length === 0 && gone.length === 0 && teller.total === total) return undefined;
  teller.rows = next;
  teller.total = total;
  return { ...(!before && { fresh: true as const }), total, set, gone };
}
