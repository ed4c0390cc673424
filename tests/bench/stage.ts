/** One real server and production nodes in processes of their own: set up, fed, waited for and read back. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import type { ConfigInput } from '../../config/config.ts';
import type { Lifetime } from '../../deploy/demo/lifetime.ts';
import { ProcessGroup } from '../../deploy/demo/processes.ts';
import { startNats } from '../../deploy/nats/server.ts';
import type { NatsServer } from '../../deploy/nats/server.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { skuSubject, streams } from '../../runtime/subjects.ts';
import type { Arrival } from './channel.ts';
import { nowMs } from './channel.ts';
import { modulePath, Questions } from './children.ts';
import { storedStocks } from './read-back.ts';
import { accounts, factOf, source } from './workload.ts';

const free = { share: 1, least: 1_000_000 };

/** A proof that does not come is looked for after 30 s: that is no standstill. */
const stuckMs = 60_000;

export interface StageOptions {
  /** Everything is stored under it. */
  dir: string;
  nodes: number;
  /** Raises wait for so long, and no longer; 0 for no debounce. */
  quietMs: number;
  /** Entries in one call of the channel. */
  writeBatch: number;
}

export interface NodeFigures {
  /** Journal messages applied, and turns that applied them. */
  events: number;
  turns: number;
  hot: number;
  lag: number;
  /** Jobs not proven yet. */
  pending: number;
  /** Pairs of SKU and account that have not settled. */
  busyPairs: number;
  /** Pairs that are read again every few seconds, and not settled for a moment then. */
  watched: number;
  /** Revision of the last record that reached the channels. */
  recordSeen: number;
  /** What it took its channels to learn every record, once they have. */
  firstReading?: { records: number; ms: number };
  /** Sequence of the journal up to which every partition here was told of everything. */
  journalSeen: number;
  partitions: number[];
  accounts: string[];
  /** Entries that the channel side was given. */
  writes: number;
}

export class Stage {
  readonly server: NatsServer;
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly publisher: Publisher;
  readonly processes: ProcessGroup;
  readonly questions: Questions;
  #options: StageOptions;
  #nodes: string[] = [];

  private constructor(server: NatsServer, nc: NatsConnection, jsm: JetStreamManager, processes: ProcessGroup, options: StageOptions) {
    this.server = server;
    this.nc = nc;
    this.js = jetstream(nc);
    this.jsm = jsm;
    this.publisher = new Publisher(nc, '_INBOX_bench');
    this.processes = processes;
    this.questions = new Questions(processes);
    this.#options = options;
  }

  /** Starts server and nodes; resolves when every partition and account is served. */
  static async start(options: StageOptions, lifetime: Lifetime): Promise<Stage> {
    const { dir } = options;
    for (const folder of ['log', 'channel']) mkdirSync(join(dir, folder), { recursive: true });
    const server = await startNats({ storeDir: join(dir, 'nats'), ...(process.env.BENCH_SERVER && { extraConfig: process.env.BENCH_SERVER }) });
    lifetime.defer(() => server.stop());
    lifetime.guardian.watch(server.pid);
    const processes = new ProcessGroup(join(dir, 'log'), lifetime.guardian);
    lifetime.defer(() => processes.stop());
    // Its answers would be waited for for ever.
    processes.onDeath = (name, why) => {
      process.stderr.write(`${name} died: ${why}\n`);
      void lifetime.end().finally(() => process.exit(1));
    };
    const nc = await connect({ servers: server.url, name: 'bench', inboxPrefix: '_INBOX_bench' });
    lifetime.defer(() => nc.close());
    const stage = new Stage(server, nc, await jetstreamManager(nc), processes, options);
    lifetime.defer(() => stage.publisher.close());
    await stage.startNodes();
    return stage;
  }

  get nodes(): readonly string[] {
    return this.#nodes;
  }

  /** Pids of the nodes. */
  get nodePids(): number[] {
    return this.#nodes.map(name => this.processes.pid(name)!);
  }

  async startNodes(): Promise<void> {
    this.#nodes = Array.from({ length: this.#options.nodes }, (_, n) => `node-${n}`);
    await Promise.all(this.#nodes.map(name => this.processes.start({ name, module: modulePath('node.ts'), env: { BENCH_NODE: JSON.stringify(this.#configuration(name)) } })));
    await this.until(figures => sum(figures, f => f.partitions.length) === 64 && sum(figures, f => f.accounts.length) === accounts.length);
  }

  /** Ends the nodes and starts others, with another debounce if one is given. */
  async restartNodes(options: Partial<StageOptions> = {}): Promise<void> {
    await this.stopNodes();
    this.#options = { ...this.#options, ...options };
    await this.startNodes();
  }

  async stopNodes(): Promise<void> {
    await this.processes.stop(this.#nodes);
    this.#nodes = [];
  }

  #configuration(id: string): ConfigInput & { writeBatch: number; channelDir: string } {
    const { dir, quietMs, writeBatch } = this.#options;
    return {
      writeBatch,
      channelDir: join(dir, 'channel'),
      nats: { url: this.server.url },
      node: { id },
      accounts: accounts.map(({ account, rule }) => ({ account, channel: 'bench', baseUrl: 'http://127.0.0.1', credentials: {}, rule, stage: 'live' })),
      sources: [{ source, inOrder: true, floor: true }],
      debounce: { quietMs, hardMs: quietMs },
      // Half a minute of a made-up trace moves most of the catalogue, and no person lets batches go.
      governor: { zero: free, raise: free },
      // What the bench checks are mirror's rules.
      exposure: { mode: 'mirror' },
      // Real channels give reads for few; this one would give them for all.
      reconcile: { watch: { most: 50 } },
      log: { level: 'warn' },
    };
  }

  /** Asks every node and waits for all answers. */
  ask<T extends object>(type: string): Promise<T[]> {
    return Promise.all(this.#nodes.map(name => this.questions.ask<T>(name, { type })));
  }

  /**
   * Polls the nodes' own figures; cheap enough to do while they are measured.
   *
   * @throws {Error} with the figures, when nothing moves on in them for a minute
   */
  async until(check: (figures: NodeFigures[]) => boolean | Promise<boolean>, everyMs = 10): Promise<NodeFigures[]> {
    let moved = nowMs();
    let before = '';
    for (;;) {
      const figures = await this.ask<NodeFigures>('figures');
      if (await check(figures)) return figures;
      const now = JSON.stringify(figures.map(({ events, lag, pending, busyPairs, recordSeen, journalSeen, writes, partitions }) => ({ events, lag, pending, busyPairs, recordSeen, journalSeen, writes, partitions: partitions.length })));
      if (now !== before) moved = nowMs();
      else if (nowMs() - moved > stuckMs) throw new Error(`nothing moves on: ${now}`);
      before = now;
      await new Promise(resolve => setTimeout(resolve, everyMs));
    }
  }

  /** Lists the SKUs at all five channels, with each channel's rule: configuration, before anything is measured. */
  async link(skus: readonly string[]): Promise<void> {
    const window = 400;
    for (let i = 0; i < skus.length; i += window) {
      await Promise.all(skus.slice(i, i + window).flatMap(sku => accounts.map(({ account, rule }) => {
        const fact: SkuFact = { type: 'listing.linked', account, listing: { id: `${account}:${sku}`, fields: {} }, gross: false, rule };
        return this.publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `link:${account}:${sku}` }));
      })));
    }
    await this.settled();
  }

  /** The first count of a SKU. */
  async count(sku: string, quantity: number): Promise<void> {
    const fact = factOf({ eventId: '', sku, seq: 1, kind: 'set', quantity, ts: 0 });
    await this.publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `count:${sku}` }));
  }

  /**
   * Waits until every journal message is applied, every job proven and no debounce runs; `at` is when that was seen.
   * Nothing may be published meanwhile by anybody but the nodes.
   */
  async settled(everyMs = 10): Promise<{ at: number; figures: NodeFigures[] }> {
    for (;;) {
      const rest = await this.#still(everyMs);
      const { quietMs } = this.#options;
      if (quietMs === 0) return rest;
      // A raise that waits shows in no figure; its time ends with a message in the journal.
      await new Promise(resolve => setTimeout(resolve, 2 * quietMs));
      if ((await this.jsm.streams.info(streams.sku)).state.last_seq === rest.last) return rest;
    }
  }

  async #still(everyMs: number): Promise<{ at: number; figures: NodeFigures[]; last: number }> {
    let at = 0;
    let last = 0;
    const figures = await this.until(async each => {
      at = nowMs();
      if (sum(each, f => f.pending + f.lag) > 0) return false;
      // Asked for after the figures: what was stored meanwhile is not in them.
      const [journal, records] = await Promise.all([streams.sku, streams.skuRecords].map(stream => this.jsm.streams.info(stream)));
      last = journal!.state.last_seq;
      return each.every(f => f.journalSeen >= last && f.recordSeen >= records!.state.last_seq);
    }, everyMs);
    return { at, figures, last };
  }

  /** Every SKU's state as the bucket has it. */
  records(): Promise<Map<string, Stock>> {
    return storedStocks(this.nc);
  }

  /** Bytes of heap in use by the nodes, after a collection. */
  async heap(): Promise<number> {
    return sum(await this.ask<{ bytes: number }>('heap'), each => each.bytes);
  }

  async watch(): Promise<void> {
    await this.ask('watch');
  }

  async arrivals(): Promise<Arrival[]> {
    const all = await this.ask<{ arrivals: Arrival[] }>('arrivals');
    return all.flatMap(each => each.arrivals).sort((a, b) => a.at - b.at);
  }
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
