/** Runs one nats-server with JetStream on file storage, on loopback, for the demo and for tests. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGuardian } from '../guardian.ts';
import { findNatsServer } from './binary.ts';

export interface NatsOptions {
  /** JetStream's files; made when missing, never removed. */
  storeDir: string;
  /** 0, the default, takes a free one. */
  port?: number;
  /** Unique within a cluster. */
  serverName?: string;
  /** Bytes that streams may take on disk. */
  maxFileBytes?: number;
  /** More of nats-server's configuration, in its own format. */
  extraConfig?: string;
}

export interface NatsServer {
  /** `nats://127.0.0.1:<port>` */
  url: string;
  port: number;
  /** Origin of nats-server's HTTP monitoring. */
  monitoringUrl: string;
  pid: number;
  version: string;
  /** How often acknowledged messages are forced to disk, ms: what a power cut can lose at most, per server. */
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
  try {
    await mkdir(options.storeDir, { recursive: true });
    await writeFile(join(folder, 'nats.conf'), configuration(options, folder));
  } catch (error) {
    await cleanUp();
    throw error;
  }
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(binary.path, ['-c', join(folder, 'nats.conf')], { detached: true, stdio: ['ignore', log, log] });
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

function configuration({ storeDir, port = 0, serverName = 'plumb', maxFileBytes = 16 * 2 ** 30, extraConfig = '' }: NatsOptions, folder: string): string {
  return `# Written by Plumb.
server_name: ${JSON.stringify(serverName)}
host: "127.0.0.1"
port: ${port || -1}
http: "127.0.0.1:-1"
ports_file_dir: ${JSON.stringify(folder)}
max_payload: 8MB
jetstream {
  store_dir: ${JSON.stringify(storeDir)}
  max_file: ${maxFileBytes}
  max_mem: ${256 * 2 ** 20}
}
${extraConfig}
`;
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
      version: string; jetstream?: { config?: { sync_interval?: number } };
    };
    return { version: facts.version, syncIntervalMs: (facts.jetstream?.config?.sync_interval ?? 0) / 1e6 };
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
