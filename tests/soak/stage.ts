/** The processes of a soak: brokers, sandboxes, buyers with their ERP, and nodes behind links that can be cut. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import type { ConfigInput } from '../../config/config.ts';
import type { Lifetime } from '../../deploy/demo/lifetime.ts';
import { ProcessGroup } from '../../deploy/demo/processes.ts';
import { SandboxAdmin } from '../../deploy/demo/sandbox-admin.ts';
import { startFeed } from '../../deploy/demo/stage.ts';
import { StatusWatch } from '../../deploy/demo/status.ts';
import { channels } from '../../deploy/demo/world.ts';
import type { FeedConfig } from '../../deploy/demo/feed-protocol.ts';
import { freePorts } from '../../deploy/nats/cluster.ts';
import type { SandboxAccount } from '../../deploy/sandbox/main.ts';
import { ensureStreams } from '../../deploy/streams.ts';
import { NodeProcess } from '../cluster/harness/nodes.ts';
import { Link } from '../cluster/harness/proxy.ts';
import { oneServer, threeServers } from '../cluster/harness/world.ts';
import type { Broker } from '../cluster/harness/world.ts';
import { nodeNames } from './plan.ts';
import type { SoakOptions } from './plan.ts';

export interface Stage {
  broker: Broker;
  nc: NatsConnection;
  processes: ProcessGroup;
  accounts: SandboxAccount[];
  admins: Map<string, SandboxAdmin>;
  nodes: SoakNode[];
  watch: StatusWatch;
  /** From now on marketplaces and nodes run at so many times the vendors' pace; nodes are started again for it. */
  enter(phase: Phase, scale: number): Promise<void>;
}

/** `opening`: nothing is read again; `load`: as the vendors' quotas allow; `settling`: as fast as this machine does. */
export type Phase = 'opening' | 'load' | 'settling';

export interface SoakNode {
  id: string;
  process: NodeProcess;
  /** None where there are several servers to go to. */
  link: Link | undefined;
  metricsUrl: string;
  /** A fault has it ended: it is not to be missed. */
  down: boolean;
}

const module = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export async function setStage(options: SoakOptions, feed: Omit<FeedConfig, 'natsUrl' | 'accounts'>, scale: number, folder: string, lifetime: Lifetime): Promise<Stage> {
  const logs = options.logs ?? join(folder, 'logs');
  mkdirSync(logs, { recursive: true });
  const broker = await (options.servers === 1 ? oneServer : threeServers)(join(folder, 'jetstream'));
  lifetime.defer(() => broker.stop());
  const nc = await connect({ servers: broker.urls, name: 'plumb-soak', maxReconnectAttempts: -1, reconnectTimeWait: 250, pingInterval: 2_000 });
  lifetime.defer(() => nc.close());
  await ensureStreams(nc, broker.replicas);

  const processes = new ProcessGroup(logs, lifetime.guardian);
  lifetime.defer(() => processes.stop());
  const { accounts } = await processes.start({
    name: 'sandboxes', module: module('../../deploy/sandbox/main.ts'), args: [JSON.stringify({ scale, accounts: channels.map(channel => ({ account: channel, channel })) })],
  }) as unknown as { accounts: SandboxAccount[] };
  await startFeed(processes, JSON.stringify({ ...feed, natsUrl: broker.urls.join(','), accounts: Object.fromEntries(accounts.map(({ account, url }) => [account, url])) }));

  const ports = await freePorts(options.nodes);
  const configOf = (n: number, id: string, link: Link | undefined, phase: Phase, pace: number): ConfigInput => nodeConfig(id, {
    accounts, scale: pace, url: link?.url ?? broker.urls.join(','), replicas: broker.replicas, secretsDir: join(folder, 'secrets'), port: ports[n]!,
    proofAgeMs: proofAge(phase, options.skus, accounts.length, pace),
  });
  const nodes = await Promise.all(nodeNames(options.nodes).map(async (id, n): Promise<SoakNode> => {
    const link = options.servers === 1 ? await Link.open(() => Number(new URL(broker.urls[0]!).port)) : undefined;
    if (link) lifetime.defer(() => link.close());
    const process = new NodeProcess({ id, config: configOf(n, id, link, 'opening', scale) }, logs, lifetime.guardian);
    lifetime.defer(() => process.kill());
    return { id, process, link, metricsUrl: `http://127.0.0.1:${ports[n]}`, down: false };
  }));
  const watch = new StatusWatch(nc, { nodes: nodes.map(({ id }) => id), accounts: accounts.map(({ account }) => account) });
  lifetime.defer(() => watch.close());
  await Promise.all(nodes.map(({ process }) => process.start()));
  return {
    broker, nc, processes, accounts, nodes, watch,
    admins: new Map(accounts.map(({ account, url }) => [account, new SandboxAdmin(account, url)])),
    async enter(phase, pace) {
      await Promise.all(nodes.map(({ process }) => process.drain()));
      processes.tell('sandboxes', { type: 'clock', scale: pace });
      await Promise.all(nodes.map(({ id, process, link }, n) => process.start({ config: configOf(n, id, link, phase, pace) })));
    },
  };
}

interface NodeSettings {
  accounts: readonly SandboxAccount[];
  scale: number;
  url: string;
  replicas: number;
  secretsDir: string;
  port: number;
  proofAgeMs: number;
}

/** Every listing is read in ten minutes of the vendors', or as fast as the slowest of them lets its listings be read. */
const vendorProofMs = 600_000;
/** Walmart's: one listing a read. */
const slowestReads = 3.3;
/** Reads have other things to do as well: writes are proven by them, and watched listings are read over and over. */
const spare = 5;
/** What this machine reads in a second, all marketplaces together. */
const machineReads = 500;

/** No listing goes unread for longer, ms. */
function proofAge(phase: Phase, skus: number, accounts: number, scale: number): number {
  const byMachine = Math.max(5_000, skus * accounts / machineReads * 1_000);
  if (phase === 'settling') return Math.round(byMachine);
  if (phase === 'opening') return 86_400_000;
  return Math.round(Math.max(vendorProofMs / scale, skus / (slowestReads * scale) * spare * 1_000, byMachine));
}

function nodeConfig(id: string, { accounts, scale, url, replicas, secretsDir, port, proofAgeMs }: NodeSettings): ConfigInput {
  return {
    nats: { url, replicas },
    node: { id },
    secretsDir,
    timeScale: scale,
    metrics: { port },
    // What the referee judges by; escrow is hunted by `npm run simulate`.
    exposure: { mode: 'mirror' },
    reconcile: { maxProofAgeMs: { last: proofAgeMs, few: proofAgeMs, plenty: proofAgeMs } },
    // Five minutes of the vendors' time.
    governor: { windowMs: Math.max(1_000, Math.round(300_000 / scale)) },
    accounts: accounts.map(({ account, channel, url: baseUrl, credentials, settings }) => ({ account, channel, baseUrl, credentials, settings, stage: 'live' })),
    sources: [{ source: 'erp' }],
  };
}
