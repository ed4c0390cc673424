/** SKU actors on a real server, sandbox marketplaces, and owners of their accounts that a test starts and releases. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { JetStreamClient, JsMsg } from '@nats-io/jetstream';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { pino } from 'pino';
import type { ChannelAdapter, TokenSet } from '../../actors/channel/adapter.ts';
import type { AccountRecord } from '../../actors/channel/protocol.ts';
import type { Limit } from '../../actors/channel/rate.ts';
import type { DriftAlert } from '../../actors/reconciler/protocol.ts';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { Outlet, SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { configSchema } from '../../config/config.ts';
import { loadLimits } from '../../config/limits.ts';
import { adapters } from '../../deploy/channels.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { startNode } from '../../deploy/node.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox, SandboxVendor } from '../../deploy/sandbox/kit/server.ts';
import { AccountOwner } from '../../runtime/account.ts';
import type { AccountPorts, AccountTimes } from '../../runtime/account/ports.ts';
import { Answers } from '../../runtime/answers.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { decode, encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Records } from '../../runtime/records.ts';
import { channelRecord, escapeKey, skuRecordSubject, skuSubject, unescapeKey } from '../../runtime/subjects.ts';
import { Tap } from '../../runtime/tap.ts';

const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' });

/** One broker with SKU actors and no accounts, for all tests of a file. */
export interface Ground { url: string; nc: NatsConnection; js: JetStreamClient; publisher: Publisher; records: Records; close(): Promise<void> }

export async function ground(): Promise<Ground> {
  const storeDir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  const server = await startNats({ storeDir });
  const node = await startNode(configSchema.parse({ nats: { url: server.url }, node: { id: 'skus' }, debounce: { quietMs: 0, hardMs: 0 }, exposure: { mode: 'mirror' } }), log);
  const nc = await connect({ servers: server.url, inboxPrefix: '_INBOX_test' });
  const publisher = new Publisher(nc, '_INBOX_test');
  return {
    url: server.url, nc, publisher, js: jetstream(nc), records: new Records(publisher),
    async close() {
      publisher.close();
      await nc.close();
      await node.stop();
      await server.stop();
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}

/** What became of a job in one call. */
interface Tried { op: string; outcome: { kind: string }; attempt: number; signature: string; key: string; at: number }

export interface ShopOptions {
  account: string;
  channel: string;
  vendor(options: { account: string; clock: SandboxClock }): SandboxVendor;
  opening: Record<string, number>;
  /** How many times faster than the vendor's the sandbox's clock runs. */
  scale?: number;
  limits: Record<string, Limit>;
  times?: Partial<AccountTimes>;
  settings?: Record<string, unknown>;
  /** Between the owner and the real adapter. */
  around?(adapter: ChannelAdapter): ChannelAdapter;
}

const quick: AccountTimes = { maxProofAgeMs: 60_000, watch: { everyMs: 10_000, share: 0.5, most: 0 }, apartMs: 200, pollMinMs: 50, callMs: 1_500, retriesMax: 50, throttlesMax: 500, failuresMax: 50, restMs: 200, probeMs: 200 };

/** Every limit of a channel, so wide that no test waits for it. */
export function wide(channel: string): NonNullable<ShopOptions['limits']> {
  return Object.fromEntries(Object.keys(loadLimits(channel)).map(name => [name, { perSecond: 500, burst: 500 }]));
}

/** A sandbox account, and what happened in it; SKUs are named with its account, since all tests share the broker. */
export class Shop {
  readonly account: string;
  readonly sandbox: RunningSandbox;
  readonly vendor: SandboxVendor;
  readonly lost: string[] = [];
  readonly #ground: Ground;
  readonly #options: ShopOptions;
  /** As the owner has it, beneath what it puts around it. */
  readonly adapter: ChannelAdapter;
  readonly #tokens = new Map<string, TokenSet>();
  /** Position of the last count of each SKU. */
  readonly #positions = new Map<string, number>();

  static async open(t: ExecutionContext, on: Ground, options: ShopOptions): Promise<Shop> {
    const vendor = options.vendor({ account: options.account, clock: new SandboxClock(options.scale ?? 60) });
    const sandbox = await startSandbox(vendor);
    t.teardown(() => sandbox.close());
    const shop = new Shop(on, options, vendor, sandbox);
    for (const [sku, quantity] of Object.entries(options.opening)) sandbox.shop.addListing(shop.sku(sku), quantity);
    return shop;
  }

  private constructor(on: Ground, options: ShopOptions, vendor: SandboxVendor, sandbox: RunningSandbox) {
    this.#ground = on;
    this.#options = options;
    this.account = options.account;
    this.vendor = vendor;
    this.sandbox = sandbox;
    const adapter = adapters[options.channel]!({
      account: options.account, channel: options.channel, baseUrl: sandbox.url, credentials: vendor.credentials, settings: { ...vendor.settings, ...options.settings },
    }, {
      now: Date.now,
      uuid: () => crypto.randomUUID(),
      timeScale: options.scale ?? 60,
      tokens: { load: async account => this.#tokens.get(account), save: async (account, tokens) => void this.#tokens.set(account, tokens) },
    });
    this.adapter = options.around?.(adapter) ?? adapter;
  }

  sku(name: string): string {
    return `${this.account}.${name}`;
  }

  /** An owner of the account; released after the test at the latest. */
  async own(t: ExecutionContext, changes: Partial<AccountPorts> = {}): Promise<AccountOwner> {
    const { nc, publisher, records } = this.#ground;
    const tap = new Tap(nc, log, `test-${this.account}`);
    const owner = new AccountOwner({
      account: this.account, node: 'test', adapter: this.adapter, limits: this.#options.limits, stage: 'live', rule: { buffer: 0 },
      times: { ...quick, ...this.#options.times },
      governor: { windowMs: 60_000, zero: { share: 1, least: 100 }, raise: { share: 1, least: 100 } },
      nc, publisher, records, tap, log,
      answers: new Answers({ publisher: changes.publisher ?? publisher, mayJoin: () => true }),
      membership: { leased: true },
      priceOf: () => undefined,
      promises: { provenMs: 600_000, ordersMs: 600_000, early: 0.8 },
      onLost: reason => this.lost.push(reason),
      ...changes,
    });
    await owner.start();
    let released: Promise<void> | undefined;
    const release = owner.release.bind(owner);
    owner.release = () => released ??= release().then(() => tap.stop());
    t.teardown(() => owner.release());
    return owner;
  }

  async command(what: string): Promise<Record<string, unknown>> {
    return (await this.#ground.nc.request(`control.channel.${this.account}`, what, { timeout: 5_000 })).json();
  }

  /** The ERP counts a SKU: so many are available to sell. */
  async count(name: string, quantity: number): Promise<void> {
    const position = (this.#positions.get(name) ?? 0) + 1;
    this.#positions.set(name, position);
    await this.tell(name, { type: 'stock.counted', source: 'erp', position, quantity });
  }

  async tell(name: string, fact: SkuFact): Promise<void> {
    await this.#ground.publisher.publish(skuSubject(this.sku(name)), encodeJournal(fact), journalHeaders({ id: crypto.randomUUID() }));
  }

  /** What buyers can buy. */
  shows(name: string): number {
    const { shop } = this.sandbox;
    return shop.buyable(shop.listings.get(this.sku(name))!);
  }

  async stock(name: string): Promise<Stock | undefined> {
    const stored = await this.#ground.records.get<ActorRecord<PackedStock>>(skuRecordSubject(this.sku(name)));
    return stored && unpackStock(stored.value.context);
  }

  async outlet(name: string): Promise<Outlet | undefined> {
    return (await this.stock(name))?.outlets[this.account];
  }

  /** The channel shows it, and the SKU's record has the proof. */
  async isProven(name: string, quantity: number): Promise<boolean> {
    const outlet = await this.outlet(name);
    return this.shows(name) === quantity && outlet?.proof?.version === outlet?.intent?.version && outlet?.proof?.quantity === quantity;
  }

  async record(): Promise<AccountRecord | undefined> {
    return (await this.#ground.records.get<AccountRecord>(channelRecord.state(this.account)))?.value;
  }

  /** Dead letters about this account, in the order told. */
  dead(): Promise<{ class: string; sku?: string; code?: string; message: string; [more: string]: unknown }[]> {
    return this.#all('DEAD', `dead.*.${escapeKey(this.account)}.>`);
  }

  alerts(): Promise<DriftAlert[]> {
    return this.#all('ALERT', `drift.*.${escapeKey(this.account)}.>`);
  }

  /** Calls that carried a SKU, in the order in which they were journaled. */
  async attempts(name: string): Promise<Tried[]> {
    const token = escapeKey(this.sku(name));
    return (await this.#messages('ATTEMPT', `attempt.${escapeKey(this.account)}.*`)).flatMap((message): Tried[] => {
      if (message.subject.endsWith(`.${token}`)) return [bodyOf(message) as Tried];
      if (!message.subject.endsWith('._call')) return [];
      const { entries, ...call } = bodyOf(message) as Tried & { entries: (Tried & { sku: string })[] };
      return entries.filter(({ sku }) => sku === this.sku(name)).map(entry => ({ ...call, ...entry }));
    });
  }

  /** What people did to the whole account, in order. */
  control(): Promise<{ op: string; by: string; listings?: unknown }[]> {
    return this.#all('ATTEMPT', `attempt.${escapeKey(this.account)}._control`);
  }

  /** Names of SKUs in the order in which they were told to show nothing. */
  async drains(): Promise<string[]> {
    const told = (await this.#messages('SKU', 'sku.>')).filter(message => {
      const fact = bodyOf(message) as SkuFact;
      return fact.type === 'listing.drained' && fact.account === this.account && fact.drained;
    });
    return told.map(({ subject }) => unescapeKey(subject.split('.')[2]!).slice(this.account.length + 1));
  }

  /** How often a listing was changed by a write. */
  writesOf(name: string): number {
    return this.sandbox.shop.ledger.entries.filter(entry => entry.sku === this.sku(name) && entry.kind === 'shown' && entry.by === 'write').length;
  }

  async #all<T>(stream: string, filter: string): Promise<T[]> {
    return (await this.#messages(stream, filter)).map(message => bodyOf(message) as T);
  }

  async #messages(stream: string, filter: string): Promise<JsMsg[]> {
    const consumer = await this.#ground.js.consumers.get(stream, { filter_subjects: filter, deliver_policy: DeliverPolicy.All });
    const { num_pending: count } = await consumer.info();
    const found: JsMsg[] = [];
    if (count === 0) return found;
    for await (const message of await consumer.fetch({ max_messages: count, expires: 2_000 })) found.push(message);
    return found;
  }
}

function bodyOf(message: JsMsg): unknown {
  return decode(message.data, message.headers?.get('Plumb-Schema'));
}

/** Waits for a condition; fails with what was seen last. */
export async function eventually<T>(t: ExecutionContext, what: string, look: () => T | Promise<T>, holds: (seen: T) => boolean = Boolean, withinMs = 15_000): Promise<T> {
  let seen = await look();
  for (const until = Date.now() + withinMs; !holds(seen) && Date.now() < until;) {
    await new Promise(resolve => setTimeout(resolve, 20));
    seen = await look();
  }
  if (!holds(seen)) t.fail(`${what}: last seen ${JSON.stringify(seen)}`);
  return seen;
}
