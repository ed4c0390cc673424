/** One real server and production nodes in processes of their own: set up, fed, waited for and read back. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import type { ConfigInput } from '../../config/config.ts';
import type { Message } from '../../deploy/demo/child.ts';
import type { Lifetime } from '../../deploy/demo/lifetime.ts';
import { ProcessGroup } from '../../deploy/demo/processes.ts';
import { startNats } from '../../deploy/nats/server.ts';
import type { NatsServer } from '../../deploy/nats/server.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Reader } from '../../runtime/reader.ts';
import { skuSubject, streams } from '../../runtime/subjects.ts';
import type { Arrival } from './channel.ts';
import { nowMs } from './channel.ts';
import { accounts, source } from './workload.ts';

export interface StageOptions {
  /** Everything is stored under it. */
  dir: string;
  nodes: number;
  /** Raises wait for so long; 0 for no debounce. */
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
  /** Revision of the last record that reached the channels. */
  recordSeen: number;
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
  readonly #options: StageOptions;
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
    mkdirSync(join(dir, 'log'), { recursive: true });
    const server = await startNats({ storeDir: join(dir, 'nats') });
    lifetime.defer(() => server.stop());
    lifetime.guardian.watch(server.pid);
    const processes = new ProcessGroup(join(dir, 'log'), lifetime.guardian);
    lifetime.defer(() => processes.stop());
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

  async stopNodes(): Promise<void> {
    await this.processes.stop(this.#nodes);
    this.#nodes = [];
  }

  #configuration(id: string): ConfigInput & { writeBatch: number } {
    const { quietMs, writeBatch } = this.#options;
    return {
      writeBatch,
      nats: { url: this.server.url },
      node: { id },
      accounts: accounts.map(({ account, rule }) => ({ account, channel: 'bench', baseUrl: 'http://127.0.0.1', credentials: {}, rule })),
      sources: [{ source, inOrder: true, floor: true }],
      debounce: { quietMs, hardMs: 4 * quietMs },
      log: { level: 'warn' },
    };
  }

  /** Asks every node and waits for all answers. */
  ask<T extends object>(type: string): Promise<T[]> {
    return Promise.all(this.#nodes.map(name => this.questions.ask<T>(name, { type })));
  }

  /** Polls the nodes' own figures; cheap enough to do while they are measured. */
  async until(check: (figures: NodeFigures[]) => boolean | Promise<boolean>, everyMs = 10): Promise<NodeFigures[]> {
    for (;;) {
      const figures = await this.ask<NodeFigures>('figures');
      if (await check(figures)) return figures;
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

  /**
   * Waits until every journal message is applied and every job proven; `at` is when that was seen.
   * Nothing may be published meanwhile by anybody but the nodes.
   */
  async settled(everyMs = 10): Promise<{ at: number; figures: NodeFigures[] }> {
    let at = 0;
    const figures = await this.until(async each => {
      at = nowMs();
      if (sum(each, f => f.pending + f.lag) > 0) return false;
      // Asked for after the figures: what was stored meanwhile is not in them.
      const [journal, records] = await Promise.all([streams.sku, streams.skuRecords].map(stream => this.jsm.streams.info(stream)));
      return sum(each, f => f.events) >= journal!.state.messages && each.every(f => f.recordSeen >= records!.state.last_seq);
    }, everyMs);
    return { at, figures };
  }

  /** Every SKU's state as the bucket has it. */
  async records(): Promise<Map<string, Stock>> {
    const found = new Map<string, Stock>();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const reader = new Reader(this.js, {
      stream: streams.skuRecords,
      filter: '$KV.sku.>',
      from: 'last-per-subject',
      name: 'bench-read-back',
      onCaughtUp: resolve,
      onError: reject,
      onMessage: message => {
        const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
        if (token.startsWith('_')) return;
        const context = unpackStock(message.json<ActorRecord<PackedStock>>().context);
        found.set(context.sku, context);
      },
    });
    await promise;
    await reader.stop();
    return found;
  }

  async watch(): Promise<void> {
    await this.ask('watch');
  }

  async arrivals(): Promise<Arrival[]> {
    const all = await this.ask<{ arrivals: Arrival[] }>('arrivals');
    return all.flatMap(each => each.arrivals).sort((a, b) => a.at - b.at);
  }
}

export function modulePath(file: string): string {
  return join(import.meta.dirname, file);
}

/** Questions to child processes, answered in the order asked. */
export class Questions {
  readonly #processes: ProcessGroup;
  readonly #open = new Map<string, ((answer: Message) => void)[]>();
  readonly #known = new Set<string>();

  constructor(processes: ProcessGroup) {
    this.#processes = processes;
  }

  ask<T extends object>(name: string, message: Message): Promise<T> {
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.#processes.onMessage(name, answer => this.#open.get(`${name} ${answer.type}`)?.shift()?.(answer));
    }
    const key = `${name} ${message.type}`;
    return new Promise(resolve => {
      this.#open.set(key, [...this.#open.get(key) ?? [], resolve as never]);
      this.#processes.tell(name, message);
    });
  }
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
