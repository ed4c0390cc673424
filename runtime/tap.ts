/**
 * SKU records as they change, for the channel accounts that this node owns: one reader for all of them. It conflates
 * by itself, since the bucket keeps one message per key. A new subscriber is told of every record once, then changes.
 */
import type { JetStreamClient } from '@nats-io/jetstream';
import type { Logger } from 'pino';
import type { Outlet, Stock } from '../actors/sku/protocol.ts';
import type { ActorRecord } from './actor.ts';
import { Reader } from './reader.ts';
import { streams } from './subjects.ts';

export interface TapSubscriber {
  /** The account whose outlet it wants. */
  account: string;
  onRecord(sku: string, outlet: Outlet | undefined, applied: number): void;
  /** Every record that existed when it subscribed was told. */
  onCaughtUp(): void;
}

export class Tap {
  readonly #js: JetStreamClient;
  readonly #log: Logger;
  readonly #name: string;
  readonly #subscribers = new Set<TapSubscriber>();
  #reader: Reader | undefined;
  #seen = 0;
  #restart: NodeJS.Timeout | undefined;
  /** Restarts of the reader, one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(js: JetStreamClient, log: Logger, name: string) {
    this.#js = js;
    this.#log = log;
    this.#name = name;
  }

  /** Revision of the last record told. */
  get seen(): number {
    return this.#seen;
  }

  subscribe(subscriber: TapSubscriber): void {
    this.#subscribers.add(subscriber);
    this.#restartSoon();
  }

  unsubscribe(subscriber: TapSubscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.#subscribers.size === 0) this.#restartSoon();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#restart);
    this.#subscribers.clear();
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
    if (this.#subscribers.size === 0) return;
    const told = [...this.#subscribers];
    this.#reader = new Reader(this.#js, {
      stream: streams.skuRecords,
      filter: '$KV.sku.>',
      from: 'last-per-subject',
      name: `tap-${this.#name}`,
      idleHeartbeatMs: 1_000,
      onError: error => this.#log.warn({ err: error }, 'record tap broke, reading on'),
      onCaughtUp: () => { for (const subscriber of told) subscriber.onCaughtUp(); },
      onMessage: message => {
        const { subject } = message;
        this.#seen = message.seq;
        if (subject.charCodeAt(subject.lastIndexOf('.') + 1) === 0x5f || message.data.length === 0) return;
        const record = message.json<ActorRecord<Stock>>();
        const { sku, outlets } = record.context;
        for (const subscriber of this.#subscribers) subscriber.onRecord(sku, outlets[subscriber.account], record.applied);
      },
    });
  }
}
