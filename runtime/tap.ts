/**
 * SKU records as they change, for the channel accounts that this node owns: one reader for all of them. It conflates
 * by itself, since the bucket keeps one message per key. A new subscriber is told of every record once, then changes.
 * What this node stores itself is told at once, by the broker's answer or by the reader, whichever comes first, and not
 * taken apart again.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { ChurnMap } from '../actors/churn-map.ts';
import type { HeldCell } from '../actors/sku/exposure/record.ts';
import type { PackedStock } from '../actors/sku/packing.ts';
import type { Outlet, Stock } from '../actors/sku/protocol.ts';
import type { ActorRecord } from './actor.ts';
import { Reader } from './reader.ts';
import { streams } from './subjects.ts';

export interface TapSubscriber {
  /** The account whose outlet it wants. */
  account: string;
  /** @param cell of the account, while the SKU is in escrow */
  onRecord(sku: string, outlet: Outlet | undefined, applied: number, cell: HeldCell | undefined): void;
  /** Every record that existed when it subscribed was told. */
  onCaughtUp(): void;
}

/** Told of whole records, as they were stored or as this node has them at hand. */
export type RecordWatcher = (record: ActorRecord<Stock | PackedStock>) => void;

/** Records that new subscribers were told of, and what it took, ms. */
export interface FirstReading { records: number; ms: number }

export class Tap {
  readonly #nc: NatsConnection;
  readonly #log: Logger;
  readonly #name: string;
  readonly #subscribers = new Set<TapSubscriber>();
  readonly #watchers = new Set<RecordWatcher>();
  #reader: Reader | undefined;
  #seen = 0;
  #first: FirstReading | undefined;
  /** Revisions told ahead of the reader, by subject. */
  readonly #ahead = new ChurnMap<string, number>();
  /** What this node sent and was not answered yet, by subject. */
  readonly #sent = new ChurnMap<string, { record: ActorRecord<Stock>; data: Uint8Array }>();
  #restart: NodeJS.Timeout | undefined;
  /** Restarts of the reader, one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(nc: NatsConnection, log: Logger, name: string) {
    this.#nc = nc;
    this.#log = log;
    this.#name = name;
  }

  /** Revision of the last record told. */
  get seen(): number {
    return this.#seen;
  }

  /** Of the last time that every record was told; undefined until it was. */
  get firstReading(): FirstReading | undefined {
    return this.#first;
  }

  /** A record that this node is about to store. */
  storing(subject: string, record: ActorRecord<Stock>, data: Uint8Array): void {
    if (this.#reader) this.#sent.set(subject, { record, data });
  }

  /** A record that this node has just stored. */
  stored(subject: string, record: ActorRecord<Stock>, revision: number): void {
    this.#sent.delete(subject);
    if (!this.#reader || revision <= this.#seen) return;
    try {
      this.#tell(record);
      this.#ahead.set(subject, revision);
    } catch (error) {
      // Storing it went well; the reader tells it again.
      this.#log.error({ err: error, subject }, 'a stored record could not be taken in');
    }
  }

  subscribe(subscriber: TapSubscriber): void {
    this.#subscribers.add(subscriber);
    this.#restartSoon();
  }

  unsubscribe(subscriber: TapSubscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.#isIdle) this.#restartSoon();
  }

  /** As an account subscribes, for whoever wants all of each record. */
  watch(watcher: RecordWatcher): void {
    this.#watchers.add(watcher);
    this.#restartSoon();
  }

  unwatch(watcher: RecordWatcher): void {
    this.#watchers.delete(watcher);
    if (this.#isIdle) this.#restartSoon();
  }

  get #isIdle(): boolean {
    return this.#subscribers.size === 0 && this.#watchers.size === 0;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#restart);
    this.#subscribers.clear();
    this.#watchers.clear();
    await this.#turn;
    await this.#reader?.stop();
  }

  /** Accounts are taken several at once: read everything again only once for them. */
  #restartSoon(): void {
    clearTimeout(this.#restart);
    this.#restart = setTimeout(() => {
      this.#turn = this.#turn.then(() => this.#begin()).catch((error: unknown) => this.#log.error({ err: error }, 'record tap could not start'));
    }, 20);
  }

  async #begin(): Promise<void> {
    await this.#reader?.stop();
    this.#reader = undefined;
    this.#ahead.clear();
    this.#sent.clear();
    this.#seen = 0;
    if (this.#isIdle) return;
    const told = [...this.#subscribers];
    const began = performance.now();
    let records = 0;
    this.#first = undefined;
    this.#reader = new Reader(this.#nc, {
      stream: streams.skuRecords,
      filter: '$KV.sku.>',
      from: 'last-per-subject',
      name: `tap-${this.#name}`,
      idleHeartbeatMs: 1_000,
      onError: error => this.#log.warn({ err: error }, 'record tap broke, reading on'),
      onCaughtUp: () => {
        this.#first = { records, ms: Math.round(performance.now() - began) };
        this.#log.info({ ...this.#first, accounts: told.length }, 'every record is known');
        for (const subscriber of told) subscriber.onCaughtUp();
      },
      onMessage: message => {
        const { subject } = message;
        this.#seen = message.seq;
        if (subject.charCodeAt(subject.lastIndexOf('.') + 1) === 0x5f || message.data.length === 0) return;
        const ahead = this.#ahead.get(subject);
        if (ahead !== undefined) {
          if (message.seq >= ahead) this.#ahead.delete(subject);
          if (message.seq <= ahead) return;
        }
        records += 1;
        const sent = this.#sent.get(subject);
        this.#sent.delete(subject);
        // Another owner may have stored something else in its place.
        this.#tell(sent && Buffer.compare(sent.data, message.data) === 0 ? sent.record : message.json<ActorRecord<PackedStock>>());
      },
    });
  }

  #tell(record: ActorRecord<Stock | PackedStock>): void {
    const { applied, context: { sku, outlets, exposure } } = record;
    for (const watcher of this.#watchers) watcher(record);
    for (const subscriber of this.#subscribers) subscriber.onRecord(sku, outlets[subscriber.account], applied, exposure?.cells[subscriber.account]);
  }
}
