/**
 * Alarms of one account or source: each trouble is told once on `drift.…`, and once more when it is over. What is open is
 * kept in a record, so that a new owner neither repeats nor forgets it.
 */
import type { Logger } from 'pino';
import type { Concern } from '../actors/reconciler/progress.ts';
import { OwnedRecord } from './owned-record.ts';
import { perform } from './perform.ts';
import type { Publisher } from './publisher.ts';
import type { Records } from './records.ts';
import { unknownRhythm } from './rhythm.ts';
import type { Rhythm } from './rhythm.ts';
import { channelRecord } from './subjects.ts';

interface AlarmsRecord {
  v: 1;
  open: Record<string, { since: number; severity: string }>;
  /** Of notifications. */
  rhythm?: Rhythm;
}

interface AlarmsPorts {
  /** The account, or `source.<source>`. */
  unit: string;
  /** As it is named in subjects. */
  name: string;
  publisher: Publisher;
  records: Records;
  log: Logger;
}

/** Seen so often in a row before it is told, or over. */
const steadyLooks = 3;

export class Alarms {
  readonly #p: AlarmsPorts;
  readonly #record: OwnedRecord<AlarmsRecord>;
  #state: AlarmsRecord = { v: 1, open: {} };
  /** Looks in a row that differ from what is told, by trouble. */
  readonly #differs = new Map<string, number>();
  #turn: Promise<void> = Promise.resolve();

  constructor(ports: AlarmsPorts) {
    this.#p = ports;
    this.#record = new OwnedRecord(ports.records, channelRecord.alarms(ports.unit), reason => ports.log.warn({ unit: ports.unit, reason }, 'alarms are kept elsewhere'));
  }

  /** Troubles that were told and are not over. */
  get open(): readonly string[] {
    return Object.keys(this.#state.open);
  }

  get rhythm(): Rhythm {
    return this.#state.rhythm ?? unknownRhythm;
  }

  set rhythm(rhythm: Rhythm) {
    this.#state = { ...this.#state, rhythm };
  }

  /** Takes over what the former owner had told. */
  async load(): Promise<void> {
    this.#state = await this.#record.load() ?? this.#state;
  }

  /** What is wrong by now; what was told and is not among it is over. */
  look(concerns: readonly Concern[], now: number): void {
    const found = new Map(concerns.map(concern => [concern.what as string, concern]));
    for (const what of new Set([...found.keys(), ...this.open, ...this.#differs.keys()])) {
      const isOpen = what in this.#state.open;
      if (found.has(what) === isOpen) { this.#differs.delete(what); continue; }
      const looks = (this.#differs.get(what) ?? 0) + 1;
      this.#differs.set(what, looks);
      if (looks < steadyLooks) continue;
      this.#differs.delete(what);
      this.#tell(what, found.get(what), now);
    }
  }

  /** Resolves when what was told is stored. */
  async stop(): Promise<void> {
    await this.#turn;
    await this.#record.save(() => this.#state).catch(() => undefined);
  }

  #tell(what: string, concern: Concern | undefined, now: number): void {
    const { name, publisher, log } = this.#p;
    const { [what]: former, ...others } = this.#state.open;
    const since = former?.since ?? now;
    const severity = former?.severity ?? concern!.severity;
    const id = `prg-${name}-${what}-${since}`;
    const body = concern
      ? { id, class: 'progress', state: 'open', account: name, what, severity, since, measured: Math.round(concern.measured * 1_000) / 1_000, promised: concern.promised, action: concern.action, at: now }
      : { id, class: 'progress', state: 'resolved', account: name, what, severity, since, action: 'none', resolvedAt: now, at: now };
    log[concern ? 'error' : 'info'](body, concern ? 'a promise is about to be broken' : 'a promise is kept again');
    this.#state = { ...this.#state, open: concern ? { ...others, [what]: { since, severity } } : others };
    this.#turn = this.#turn.then(async () => {
      // Told first: a crash in between tells it again under one id.
      await perform(publisher, [{ to: ['drift', severity, name, what], id: `${id}:${body.state}`, body }]);
      await this.#record.save(() => this.#state);
    }).catch((error: unknown) => log.warn({ err: error, unit: this.#p.unit, what }, 'alarm could not be told'));
  }
}
