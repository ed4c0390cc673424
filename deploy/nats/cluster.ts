/** Runs the cluster of `cluster.conf` or `guarded.conf` on loopback, to see what becomes of Plumb when a broker dies. */
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { accessOptions } from './access.ts';
import type { Access } from './access.ts';
import { startNats } from './server.ts';
import type { NatsServer } from './server.ts';

export interface NatsCluster {
  /** All client addresses, for `connect({ servers })`. */
  urls: string[];
  /** Ports at which servers find each other. */
  routes: readonly number[];
  /** As they run now; a killed one keeps its place. */
  servers: NatsServer[];
  /** SIGKILLs server `n` (0, 1, 2). */
  kill(n: number): Promise<void>;
  /** Starts server `n` again on its old port and storage; it catches up by itself. */
  restart(n: number): Promise<void>;
  /** Waits until JetStream has a leader and answers. @throws {Error} after 20 s */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

/** A cluster that asks who comes: what `guarded.conf` takes from the environment, and what lets us in. */
export interface Guard { env: Record<string, string>; access: Access }

/** @param storeDir each server takes a folder of its own in it */
export async function startCluster({ storeDir, guard }: { storeDir: string; guard?: Guard }): Promise<NatsCluster> {
  const ports = await freePorts(6);
  const client = ports.slice(0, 3);
  const route = ports.slice(3);
  const start = (n: number): Promise<NatsServer> => startNats({
    storeDir: join(storeDir, `s${n}`),
    port: client[n]!,
    serverName: `nats-${n}`,
    cluster: { port: route[n]!, routes: route, guarded: guard !== undefined },
    ...(guard && { env: guard.env }),
  });
  const started = await Promise.allSettled([0, 1, 2].map(start));
  const servers = started.flatMap(outcome => outcome.status === 'fulfilled' ? [outcome.value] : []);
  const stop = async (): Promise<void> => { await Promise.all(servers.map(server => server.stop())); };
  const failed = started.find(outcome => outcome.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const urls = servers.map(server => server.url);
  const cluster: NatsCluster = {
    urls, routes: route, servers, stop,
    kill: n => servers[n]!.kill(),
    restart: async n => { servers[n] = await start(n); },
    ready: () => answers(urls, guard?.access),
  };
  await cluster.ready().catch(async error => { await stop(); throw error; });
  return cluster;
}

async function answers(urls: string[], access: Access = {}): Promise<void> {
  let last: unknown;
  for (const until = Date.now() + 20_000; Date.now() < until;) {
    try {
      const connection = await connect({ servers: urls, timeout: 1_000, inboxPrefix: '_INBOX_node.ready', ...accessOptions(access) });
      try {
        await (await jetstreamManager(connection, { timeout: 1_000 })).getAccountInfo();
        return;
      } finally {
        await connection.close();
      }
    } catch (error) {
      last = error;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
  throw new Error('the cluster has no JetStream leader after 20 s', { cause: last });
}

/** Free when asked, all different; a route must be known to the others before its server is there. */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, () => new Promise<Server>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = held.map(server => (server.address() as { port: number }).port);
  await Promise.all(held.map(server => new Promise(resolve => server.close(resolve))));
  return ports;
}
