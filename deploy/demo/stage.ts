/** Starts the demo's processes, in the order in which they need each other, each ended with the run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import type { ConfigInput } from '../../config/config.ts';
import { partitionCount, streams } from '../../runtime/subjects.ts';
import { startNats } from '../nats/server.ts';
import type { SandboxAccount, SandboxConfig } from '../sandbox/main.ts';
import { ensureStreams } from '../streams.ts';
import type { Message } from './child.ts';
import { count, duration } from './format.ts';
import type { Mood } from './format.ts';
import type { Lifetime } from './lifetime.ts';
import type { DemoOptions, DemoPlan } from './plan.ts';
import { ProcessGroup } from './processes.ts';
import { SandboxAdmin } from './sandbox-admin.ts';
import { StatusWatch } from './status.ts';
import { channels } from './world.ts';

export interface Stage {
  natsUrl: string;
  nc: NatsConnection;
  processes: ProcessGroup;
  accounts: SandboxAccount[];
  admins: Map<string, SandboxAdmin>;
  watch: StatusWatch;
  nodes: readonly string[];
}

/** The server that NATS_URL names already holds another installation's stock. */
export class OccupiedError extends Error {
  override readonly name = 'OccupiedError';
}

export const nodeNames = ['n1', 'n2', 'n3'] as const;

const shareWithinMs = 30_000;
const importWithinMs = 120_000;
/** An answer that takes longer went down with a former owner; a repeated import is harmless. */
const askAgainMs = 45_000;

const modulePath = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** @param folder the run's own; logs and configurations go there */
export async function setStage(
  options: DemoOptions, plan: DemoPlan, folder: string, lifetime: Lifetime, announce: (text: string, mood?: Mood) => void,
): Promise<Stage> {
  const logDir = options.logDir ?? join(folder, 'logs');
  mkdirSync(logDir, { recursive: true });
  const natsUrl = await openNats(options, folder, lifetime, announce);
  const nc = await connect({ servers: natsUrl.split(','), name: 'plumb-demo', maxReconnectAttempts: -1, reconnectTimeWait: 250 });
  lifetime.defer(() => nc.close());
  await openStreams(nc, natsUrl, options.keep, lifetime);

  const processes = new ProcessGroup(logDir, lifetime.guardian);
  lifetime.defer(() => processes.stop(['sandboxes']));
  lifetime.defer(() => processes.stop([...nodeNames]));
  lifetime.defer(() => processes.stop(['feed']));

  const sandboxConfig: SandboxConfig = { scale: options.clock, accounts: channels.map(channel => ({ account: channel, channel })) };
  const sandboxes = await processes.start({ name: 'sandboxes', module: modulePath('../sandbox/main.ts'), args: [JSON.stringify(sandboxConfig)] });
  const accounts = sandboxes.accounts as SandboxAccount[];
  announce(`${accounts.length} marketplaces answer on loopback as their vendors' documents say, clocks ${count(options.clock)} times faster`);

  const feedArgument = { ...plan.feed, natsUrl, accounts: Object.fromEntries(accounts.map(({ account, url }) => [account, url])) };
  const feed = await startFeed(processes, JSON.stringify(feedArgument));
  announce(`an ERP counted ${count(plan.skus)} SKUs, each listed at every marketplace with numbers that an earlier tool left wrong`);

  for (const [n, id] of nodeNames.entries()) {
    const metricsPort = options.metricsPort === undefined ? undefined : options.metricsPort + n;
    const config = nodeConfig(id, { metricsPort, natsUrl, secretsDir: join(folder, 'secrets'), timeScale: options.clock, mode: options.mode, proofAgeMs: plan.proofAgeMs, accounts });
    writeFileSync(join(folder, `${id}.json`), JSON.stringify(config, null, 2), { mode: 0o600 });
  }
  await Promise.all(nodeNames.map(id => processes.start({
    name: id, module: modulePath('../main.ts'), env: { PLUMB_CONFIG: join(folder, `${id}.json`) },
  })));
  announce(`Plumb runs: nodes ${nodeNames.join(', ')} import ${count((feed.skus as number) * accounts.length)} listings and share them`);
  const watch = new StatusWatch(nc, { nodes: nodeNames, accounts: accounts.map(({ account }) => account) });
  lifetime.defer(() => watch.close());
  await shared(watch, accounts.length);
  await Promise.all(accounts.map(({ account }) => importListings(nc, account)));
  const admins = new Map(accounts.map(({ account, url }) => [account, new SandboxAdmin(account, url)]));
  return { natsUrl, nc, processes, accounts, admins, watch, nodes: nodeNames };
}

async function openNats({ natsUrl, storeDir }: DemoOptions, folder: string, lifetime: Lifetime, announce: (text: string) => void): Promise<string> {
  if (natsUrl) {
    announce(`NATS at ${natsUrl}, as NATS_URL says`);
    return natsUrl;
  }
  const server = await startNats({ storeDir: storeDir ?? join(folder, 'jetstream') });
  lifetime.defer(() => server.stop());
  announce(`nats-server ${server.version} at ${server.url}, JetStream on file storage, forced to disk every ${duration(server.syncIntervalMs)}`);
  return server.url;
}

/** Makes the streams; those that were not there before go again with the run. @throws {OccupiedError} */
async function openStreams(nc: NatsConnection, natsUrl: string, keep: boolean, lifetime: Lifetime): Promise<void> {
  const manager = await jetstreamManager(nc);
  const present = new Map<string, number>();
  for await (const { config, state } of manager.streams.list()) present.set(config.name, state.messages);
  const names: string[] = Object.values(streams);
  const occupied = names.filter(name => name !== streams.members && (present.get(name) ?? 0) > 0);
  if (occupied.length > 0) {
    throw new OccupiedError(`${natsUrl} already holds Plumb's data (${occupied.join(', ')}); the demo needs a server, or a storage folder, of its own`);
  }
  await ensureStreams(nc);
  if (!keep) lifetime.defer(() => Promise.all(names.filter(name => !present.has(name)).map(name => manager.streams.delete(name).catch(() => {}))));
}

/** @throws {Error} with the feed's own words for input that it cannot use */
export async function startFeed(processes: ProcessGroup, argument: string): Promise<Message> {
  let failure: string | undefined;
  processes.onMessage('feed', message => { if (message.type === 'failed') failure = message.message as string; });
  try {
    return await processes.start({ name: 'feed', module: modulePath('./feed.ts'), args: [argument] });
  } catch (error) {
    throw failure === undefined ? error : new Error(`feed: ${failure}`, { cause: error });
  }
}

/** Waits until the nodes have divided the work among them: what is asked while an account changes hands is lost. */
async function shared(watch: StatusWatch, accounts: number): Promise<void> {
  let steady = 0;
  let owned = await watch.owners();
  for (const end = Date.now() + shareWithinMs; Date.now() < end && steady < 3; owned = await watch.owners()) {
    const complete = owned.nodes.length === nodeNames.length && owned.smallest > 0 && owned.partitions.size === partitionCount && owned.accounts.size === accounts;
    steady = complete ? steady + 1 : 0;
    await new Promise(resolve => setTimeout(resolve, 150));
  }
  if (steady === 3) return;
  throw new Error(`the nodes have not divided the work after ${duration(shareWithinMs)}: ${owned.nodes.join(', ') || 'none'} answer,`
    + ` ${owned.partitions.size} of ${partitionCount} partitions and ${owned.accounts.size} of ${accounts} accounts have an owner`);
}

/** Has the account's owner read all listings of its marketplace, as an operator would. @throws {Error} with its answer */
async function importListings(nc: NatsConnection, account: string): Promise<void> {
  let last = 'no node owns it';
  for (const end = Date.now() + importWithinMs; Date.now() < end;) {
    try {
      const answer = (await nc.request(`control.channel.${account}`, 'import', { timeout: askAgainMs })).json<{ ok: boolean; error?: string }>();
      if (answer.ok) return;
      last = answer.error ?? 'no reason given';
    } catch (error) {
      last = (error as Error).message; // Nobody owns the account yet: nodes are still joining.
    }
    await new Promise(resolve => setTimeout(resolve, 250));
  }
  throw new Error(`${account}: listings were not imported within ${duration(importWithinMs)}: ${last}`);
}

interface NodeSettings {
  metricsPort: number | undefined;
  natsUrl: string;
  /** One folder for all nodes: a refresh token that one of them rotated is the only one that works for the next. */
  secretsDir: string;
  timeScale: number;
  mode: DemoOptions['mode'];
  proofAgeMs: number;
  accounts: readonly SandboxAccount[];
}

function nodeConfig(id: string, { metricsPort, natsUrl, secretsDir, timeScale, mode, proofAgeMs, accounts }: NodeSettings): ConfigInput {
  return {
    nats: { url: natsUrl },
    node: { id },
    secretsDir,
    timeScale,
    ...(metricsPort !== undefined && { metrics: { port: metricsPort } }),
    // One machine's clocks agree, and its calls are short; the demo's broker flushes when it likes, and is gone afterwards.
    exposure: { mode, sendMs: 3_000, marginMs: 500, allowLazyFlush: true },
    reconcile: { maxProofAgeMs: proofAgeMs, apartMs: 1_000 },
    // Five minutes of the vendors' time.
    governor: { windowMs: Math.round(300_000 / timeScale) },
    accounts: accounts.map(({ account, channel, url, credentials, settings }) => ({ account, channel, baseUrl: url, credentials, settings, stage: 'live' })),
    sources: [{ source: 'erp', format: 'plumb' }],
  };
}
