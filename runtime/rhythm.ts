/**
 * The rhythm of a source, declared or learnt from the gaps between its messages, and the alarm when it falls silent:
 * told once, on `dead.silence.…` for who mends it and on `drift.…` for who watches, and resolved when it speaks again.
 */
import type { Logger } from 'pino';
import { OwnedRecord } from './owned-record.ts';
import { perform } from './perform.ts';
import type { Publisher } from './publisher.ts';
import type { Records } from './records.ts';
import { channelRecord } from './subjects.ts';

/** What is known of a source's messages. Times are epoch ms by the broker. */
export interface Rhythm {
  /** Of the newest message; 0 when there was none. */
  last: number;
  /** Gaps seen so far. */
  gaps: number;
  /** The longest gap that ended on each of the last days (UTC, days since 1970), oldest first. */
  days: { day: number; longest: number }[];
}

export const unknownRhythm: Rhythm = { last: 0, gaps: 0, days: [] };

const dayMs = 86_400_000;
/** Two weekends are in it. */
const daysKept = 15;
/** Nothing is learnt from fewer. */
const gapsLeast = 50;
const allowedLeastMs = 5 * 60_000;

/** A message came at `at`. One that is no newer says nothing. */
export function heard(rhythm: Rhythm, at: number): Rhythm {
  if (at <= rhythm.last) return rhythm;
  if (rhythm.last === 0) return { ...rhythm, last: at };
  const gap = at - rhythm.last;
  const day = Math.floor(at / dayMs);
  const days = rhythm.days.filter(each => each.day > day - daysKept && each.day !== day);
  const longest = Math.max(gap, rhythm.days.find(each => each.day === day)?.longest ?? 0);
  return { last: at, gaps: rhythm.gaps + 1, days: [...days, { day, longest }] };
}

/**
 * How long the source may be silent: as declared, else twice the gap that two of the last days had. One outage so
 * teaches nothing; nights are known after the second, weekends likewise. Undefined while too little is known.
 */
export function allowedMs(rhythm: Rhythm, declaredMs?: number): number | undefined {
  if (declaredMs !== undefined) return declaredMs;
  if (rhythm.gaps < gapsLeast) return undefined;
  const longest = rhythm.days.map(each => each.longest).sort((a, b) => b - a);
  return Math.max(allowedLeastMs, 2 * (longest[1] ?? longest[0]!));
}

/** `silent`: told and not resolved. `watchedAt`: somebody watched until then. */
interface RhythmRecord extends Rhythm { v: 1; watchedAt: number; silent?: { since: number } }

export interface RhythmPorts {
  source: string;
  /** A declared rhythm, ms; learnt where there is none. */
  everyMs: number | undefined;
  publisher: Publisher;
  records: Records;
  log: Logger;
  /** Epoch ms by the broker. */
  now(): number;
  /** How often it is looked at, ms. */
  lookMs?: number;
}

const saveMs = 10_000;
/** Unwatched for longer, a silence may be ours: it counts from the return. */
const unwatchedMs = 60_000;

export class RhythmWatch {
  readonly #p: RhythmPorts;
  readonly #record: OwnedRecord<RhythmRecord>;
  #state: RhythmRecord = { v: 1, ...unknownRhythm, watchedAt: 0 };
  #from = 0;
  #savedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(ports: RhythmPorts) {
    this.#p = ports;
    this.#record = new OwnedRecord(ports.records, channelRecord.rhythm(`source.${ports.source}`), reason => ports.log.warn({ source: ports.source, reason }, 'rhythm of a source is kept elsewhere'));
  }

  /** Takes over what the former owner knew. */
  async load(): Promise<void> {
    this.#state = await this.#record.load() ?? this.#state;
    const now = this.#p.now();
    // A source that never spoke is silent since it is watched.
    if (now - this.#state.watchedAt > unwatchedMs) this.#from = now;
    this.#savedAt = now;
  }

  /** A message of the source, stored at `at`. Those that were heard already are harmless. */
  heard(at: number): void {
    this.#state = { ...this.#state, ...heard(this.#state, at) };
  }

  /** Everything stored so far was heard: silence counts from here on. */
  watch(): void {
    this.#timer ??= setInterval(() => { void this.#look(); }, this.#p.lookMs ?? 1_000);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#timer) await this.#save(this.#p.now()).catch(() => undefined);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const now = this.#p.now();
      const { last, silent } = this.#state;
      const since = Math.max(last, this.#from);
      const allowed = allowedMs(this.#state, this.#p.everyMs);
      if (silent && last > silent.since) await this.#resolve(silent.since, now);
      else if (!silent && allowed !== undefined && now - since > allowed) await this.#raise(since, allowed, now);
      else if (now - this.#savedAt > saveMs) await this.#save(now);
    } catch (error) {
      this.#p.log.warn({ err: error, source: this.#p.source }, 'silence of a source could not be told, trying again');
    } finally {
      this.#looking = false;
    }
  }

  async #raise(since: number, allowed: number, now: number): Promise<void> {
    const { source, everyMs, log } = this.#p;
    const lastAt = this.#state.last === 0 ? null : this.#state.last;
    log.error({ source, lastAt, allowedMs: allowed }, 'a source is silent');
    await this.#tell(since, 'open', now, {
      lastAt,
      allowedMs: allowed,
      rhythm: everyMs === undefined ? 'learnt' : 'declared',
      action: `look whether ${source} still sends: its scheduler, its network, its credentials (401 in the door's answers), a dead letter of its door; nats stream subjects INGEST shows what came`,
    });
    // Told first: a crash in between tells it twice under one id.
    this.#state = { ...this.#state, silent: { since } };
    await this.#save(now);
  }

  async #resolve(since: number, now: number): Promise<void> {
    const { last } = this.#state;
    await this.#tell(since, 'resolved', now, { lastAt: last, action: 'none', resolvedAt: last });
    const { silent: _, ...rest } = this.#state;
    this.#state = rest;
    await this.#save(now);
  }

  async #tell(since: number, state: 'open' | 'resolved', at: number, more: object): Promise<void> {
    const { source, publisher } = this.#p;
    const body = { class: 'silence', severity: 'high', account: source, sku: '', source, state, since, at, ...more };
    await perform(publisher, [
      { to: ['dead', 'silence', source, source], id: `silence:${source}:${since}:${state}`, body },
      { to: ['drift', 'high', source, 'silence'], id: `sil-${source}-${since}:${state}`, body: { id: `sil-${source}-${since}`, ...body } },
    ]);
  }

  async #save(now: number): Promise<void> {
    this.#savedAt = now;
    this.#state = { ...this.#state, watchedAt: now };
    await this.#record.save(() => this.#state);
  }
}
