/** A broker, the links to it and the nodes of one round, and the connection that the test itself uses. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import type { ConfigInput } from '../../../config/config.ts';
import { startGuardian } from '../../../deploy/guardian.ts';
import { startCluster } from '../../../deploy/nats/cluster.ts';
import { startNats } from '../../../deploy/nats/server.ts';
import { ensureStreams } from '../../../deploy/streams.ts';
import { History } from './history.ts';
import { NodeProcess } from './nodes.ts';
import { Link } from './proxy.ts';

/** The broker as a round sees it, one server or three. */
export interface Broker {
  urls: string[];
  replicas: number;
  kill(server: number): Promise<void>;
  restart(server: number): Promise<void>;
  stop(): Promise<void>;
}

export interface World {
  broker: Broker;
  nodes: NodeProcess[];
  /** By node, in the same order; empty where nodes reach the broker directly. */
  links: Link[];
  nc: NatsConnection;
  js: JetStreamClient;
  jsm: JetStreamManager;
  history: History;
  node(id: string): NodeProcess;
  /** Called when the test is over, however it ends, before everything that was there earlier is ended. */
  onEnd(end: () => unknown): void;
}

/** What every draw of a run comes from: `PLUMB_SEED`, or chosen at start. */
export const seed = Number(process.env.PLUMB_SEED || Date.now() % 1_000_000);

/** A verdict without fault. */
export const nothing = { lost: 0, doubled: 0, reordered: 0, wrong: 0, causeless: 0, unperformed: 0 };

/** Waits of the product, short enough that a round sees many of each. */
export const waits = { debounce: { quietMs: 150, hardMs: 600 }, askMs: 500, gapMs: 1_500, exposure: { mode: 'mirror' } } as const;

export interface WorldOptions {
  servers: 1 | 3;
  /** Ids, with how far each node's wall clock is off. */
  nodes: Record<string, number>;
  /** Each node reaches the broker over a link that can be cut. Nodes know no other address then. */
  links?: boolean;
  /** `deploy/main.ts` of the version that nodes start with; default: this one. */
  main?: string;
  config?: Partial<ConfigInput>;
}

/** Starts everything but the nodes; all of it is ended with the test, however that ends. */
export async function startWorld(t: ExecutionContext, options: WorldOptions): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-cluster-'));
  const guardian = startGuardian([folder]);
  const ends: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true }), () => guardian.dismiss()];
  t.teardown(async () => { while (ends.length > 0) await ends.pop()!(); });

  const broker = options.servers === 1 ? await oneServer(join(folder, 'broker')) : await threeServers(join(folder, 'broker'));
  ends.push(() => broker.stop());
  const nc = await connect({ servers: broker.urls, maxReconnectAttempts: -1, reconnectTimeWait: 100, pingInterval: 2_000 });
  ends.push(() => nc.close());
  const jsm = await jetstreamManager(nc);
  await ensureStreams(nc, broker.replicas);
  const history = new History(nc);

  const links: Link[] = [];
  const nodes: NodeProcess[] = [];
  const logs = join(folder, 'nodes');
  await mkdir(logs);
  for (const [id, skewMs] of Object.entries(options.nodes)) {
    let url = broker.urls.join(',');
    if (options.links === true) {
      const link = await Link.open(() => Number(new URL(broker.urls[0]!).port));
      links.push(link);
      ends.push(() => link.close());
      url = link.url;
    }
    const config: ConfigInput = {
      nats: { url, replicas: broker.replicas },
      node: { id },
      sources: [{ source: 'erp' }],
      ...waits,
      log: { level: 'info' },
      ...options.config,
    };
    const node = new NodeProcess({ id, config, skewMs, ...(options.main !== undefined && { main: options.main }) }, logs, guardian);
    nodes.push(node);
    ends.push(() => node.kill());
  }
  // What the nodes logged outlives a round that failed.
  ends.push(async () => {
    if (t.passed) return;
    const kept = await mkdtemp(join(tmpdir(), 'plumb-cluster-failed-'));
    await cp(logs, kept, { recursive: true });
    t.log(`the nodes' logs are kept in ${kept}`);
  });
  return { broker, nodes, links, nc, js: jetstream(nc), jsm, history, node: id => nodes.find(node => node.id === id)!, onEnd: end => ends.push(end) };
}

export async function oneServer(storeDir: string): Promise<Broker> {
  let server = await startNats({ storeDir });
  const { port, url } = server;
  return {
    urls: [url], replicas: 1,
    kill: () => server.kill(),
    restart: async () => { server = await startNats({ storeDir, port }); },
    stop: () => server.stop(),
  };
}

export async function threeServers(storeDir: string): Promise<Broker> {
  const cluster = await startCluster({ storeDir });
  return { urls: cluster.urls, replicas: 3, kill: n => cluster.kill(n), restart: n => cluster.restart(n), stop: () => cluster.stop() };
}

/** Waits for a condition. @throws {Error} naming it when it does not come true in time */
export async function eventually(what: string, withinMs: number, check: () => boolean | Promise<boolean>): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < withinMs) {
    if (await check()) return Math.round(performance.now() - began);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within ${withinMs} ms`);
}

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
