/** Runs nats-server with JetStream on file storage, on loopback, for the demo and for tests: one alone, or one of three. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startGuardian } from '../guardian.ts';
import { findNatsServer } from './binary.ts';

export interface NatsOptions {
  /** JetStream's files; made when missing, never removed. */
  storeDir: string;
  /** 0, the default, takes a free one. */
  port?: number;
  /** Unique within a cluster. */
  serverName?: string;
  /** It is one of three and runs by `cluster.conf`, or `guarded.conf` as in production; ports of its own route and of all of them. */
  cluster?: { port: number; routes: readonly number[]; guarded?: boolean };
  /** Of a server alone: bytes that streams may take on disk. */
  maxFileBytes?: number;
  /** Of a server alone: more of nats-server's configuration, in its own format. */
  extraConfig?: string;
  /** Values that its configuration takes from the environment. */
  env?: Record<string, string>;
}

export interface NatsServer {
  /** `nats://127.0.0.1:<port>` */
  url: string;
  port: number;
  /** Origin of nats-server's HTTP monitoring. */
  monitoringUrl: string;
  pid: number;
  version: string;
  /** How often acknowledged messages are forced to disk, ms: what a power cut can lose at most, per server; 0: before they are acknowledged. */
  syncIntervalMs: number;
  /** Settles when the process has ended, however that came. */
  ended: Promise<void>;
  /** SIGTERM, after 5 s SIGKILL; ends with nothing left but `storeDir`. A repeat is harmless. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. Start again with the same `storeDir` and `port`. */
  kill(): Promise<void>;
}

const startWithinMs = 15_000;
const stopWithinMs = 5_000;

/**
 * @throws {NoNatsServerError} when there is no binary
 * @throws {Error} when the server ends or stays silent, with the last lines of its log
 */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const binary = findNatsServer();
  const folder = await mkdtemp(join(tmpdir(), 'plumb-nats-'));
  const folders = [folder, ...(binary.temporaryFolder ? [binary.temporaryFolder] : [])];
  const guardian = startGuardian(folders);
  const cleanUp = async (): Promise<void> => {
    for (const each of folders) await rm(each, { recursive: true, force: true });
    guardian.dismiss();
  };
  let args: string[];
  try {
    await mkdir(options.storeDir, { recursive: true });
    args = options.cluster ? ofThree(options.port, options.cluster, folder) : await alone(options, folder);
  } catch (error) {
    await cleanUp();
    throw error;
  }
  const log = openSync(join(folder, 'log'), 'a');
  const env = { ...process.env, NATS_NAME: options.serverName ?? 'plumb', NATS_STORE: options.storeDir, ...options.env };
  const child = spawn(binary.path, args, { detached: true, stdio: ['ignore', log, log], env });
  closeSync(log);
  let failure: Error | undefined;
  const ended = new Promise<void>(resolve => {
    child.once('error', error => { failure = error; resolve(); });
    child.once('exit', () => resolve());
  });
  if (child.pid) guardian.watch(child.pid);

  let gone: Promise<void> | undefined;
  const end = (signal: NodeJS.Signals): Promise<void> => gone ??= terminate(child, ended, signal).then(cleanUp);
  try {
    const { nats, monitoring } = await ports(folder, ended);
    const { version, syncIntervalMs } = await answers(monitoring, ended);
    return {
      url: nats, port: Number(new URL(nats).port), monitoringUrl: monitoring, pid: child.pid!, version, syncIntervalMs,
      ended, stop: () => end('SIGTERM'), kill: () => end('SIGKILL'),
    };
  } catch (error) {
    const lines = (await readFile(join(folder, 'log'), 'utf8').catch(() => '')).trimEnd().split('\n').slice(-8);
    await end('SIGKILL');
    throw new Error([`nats-server (${binary.path}) did not start: ${((failure ?? error) as Error).message}`, ...lines].join('\n  '), { cause: failure ?? error });
  }
}

const fileOf = (guarded = false): string => fileURLToPath(new URL(guarded ? './guarded.conf' : './cluster.conf', import.meta.url));

/** The shipped file, at other addresses. */
function ofThree(port: number | undefined, { port: route, routes, guarded }: NonNullable<NatsOptions['cluster']>, folder: string): string[] {
  const url = (each: number): string => `nats://127.0.0.1:${each}`;
  return ['-c', fileOf(guarded), '-a', '127.0.0.1', '-p', String(port || -1), '-m', '-1', '--cluster', url(route), '--routes', routes.map(url).join(','), '--ports_file_dir', folder];
}

async function alone({ port = 0, maxFileBytes = 16 * 2 ** 30, extraConfig = '' }: NatsOptions, folder: string): Promise<string[]> {
  const file = join(folder, 'nats.conf');
  await writeFile(file, `# Written by Plumb.
server_name: $NATS_NAME
host: "127.0.0.1"
port: ${port || -1}
http: "127.0.0.1:-1"
ports_file_dir: ${JSON.stringify(folder)}
max_payload: 8MB
jetstream {
  store_dir: $NATS_STORE
  max_file: ${maxFileBytes}
  max_mem: ${256 * 2 ** 20}
}
${extraConfig}
`);
  return ['-c', file];
}

/** The server writes the ports it took beside its configuration: no race for a free one. */
async function ports(folder: string, ended: Promise<void>): Promise<{ nats: string; monitoring: string }> {
  return poll('open its port', ended, async () => {
    const file = (await readdir(folder)).find(name => name.endsWith('.ports'));
    if (!file) return undefined;
    const { nats, monitoring } = JSON.parse(await readFile(join(folder, file), 'utf8')) as { nats: string[]; monitoring: string[] };
    return { nats: nats[0]!, monitoring: monitoring[0]! };
  });
}

/** Waits until JetStream is enabled, and asks what this server is. */
async function answers(monitoring: string, ended: Promise<void>): Promise<{ version: string; syncIntervalMs: number }> {
  return poll('enable JetStream', ended, async () => {
    const signal = AbortSignal.timeout(2_000);
    const health = await fetch(`${monitoring}/healthz?js-enabled-only=true`, { signal });
    if (!health.ok) return undefined;
    const facts = await (await fetch(`${monitoring}/varz`, { signal })).json() as {
      version: string; jetstream?: { config?: { sync_interval?: number; sync_always?: boolean } };
    };
    const { sync_interval: nanoseconds = 0, sync_always: always = false } = facts.jetstream?.config ?? {};
    return { version: facts.version, syncIntervalMs: always ? 0 : nanoseconds / 1e6 };
  });
}

async function poll<T>(what: string, ended: Promise<void>, look: () => Promise<T | undefined>): Promise<T> {
  let over = false;
  void ended.then(() => { over = true; });
  for (const until = Date.now() + startWithinMs; Date.now() < until && !over;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    await new Promise(resolve => setTimeout(resolve, 15));
  }
  throw new Error(over ? `it ended before it could ${what}` : `it did not ${what} within ${startWithinMs / 1000} s`);
}

async function terminate(child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended;
  clearTimeout(force);
}
