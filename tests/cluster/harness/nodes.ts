/** Plumb nodes as processes of their own: `deploy/main.ts`, started, killed, paused, asked to leave, started again. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigInput } from '../../../config/config.ts';
import type { Guardian } from '../../../deploy/guardian.ts';

/** Of this version. */
export const main = join(import.meta.dirname, '../../../deploy/main.ts');
const readyWithinMs = 30_000;

export interface NodeOptions {
  id: string;
  config: ConfigInput;
  /** The node's wall clock is off by so much. */
  skewMs?: number;
  /** `deploy/main.ts` of another version; default: of this one. */
  main?: string;
  /** Modules loaded into the process before the node: faults to have, such as an actor that throws. */
  preload?: readonly string[];
}

/** How a process ended: its exit code, or the signal that ended it, and how long it took. */
export interface End { code: number | null; signal: NodeJS.Signals | null; tookMs: number }

export class NodeProcess {
  readonly id: string;
  readonly #folder: string;
  readonly #guardian: Guardian;
  #options: NodeOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** @param folder exists; configuration and log are kept in it */
  constructor(options: NodeOptions, folder: string, guardian: Guardian) {
    this.id = options.id;
    this.#options = options;
    this.#folder = folder;
    this.#guardian = guardian;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it serves. @throws {Error} when it ends or says nothing for 30 s, with its last lines */
  async start(changes: Partial<NodeOptions> = {}): Promise<void> {
    this.#options = { ...this.#options, ...changes };
    const { config, skewMs = 0, preload = [], main: entry = main } = this.#options;
    const file = join(this.#folder, `${this.id}.yaml`);
    writeFileSync(file, JSON.stringify(config));
    const imports = [...(skewMs === 0 ? [] : [join(import.meta.dirname, 'skew.ts')]), ...preload];
    const log = openSync(this.#log, 'a');
    const child = spawn(process.execPath, [...imports.map(path => `--import=${path}`), entry], {
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...process.env, PLUMB_CONFIG: file, PLUMB_TEST_SKEW_MS: String(skewMs), NODE_COMPILE_CACHE: join(this.#folder, 'compiled') },
    });
    closeSync(log);
    this.#child = child;
    if (child.pid !== undefined) this.#guardian.watch(child.pid);
    this.#ended = new Promise(resolve => {
      child.once('exit', () => {
        if (child.pid !== undefined) this.#guardian.forget(child.pid);
        if (this.#child === child) this.#child = undefined;
        resolve();
      });
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.on('message', message => { if ((message as { type?: string }).type === 'ready') resolve(); });
    child.once('error', reject);
    void this.#ended.then(() => reject(new Error(`${this.id} ended before it served: ${child.signalCode ?? `exit code ${child.exitCode}`}\n${this.lastLines()}`)));
    const late = setTimeout(() => reject(new Error(`${this.id} did not serve within ${readyWithinMs / 1_000} s\n${this.lastLines()}`)), readyWithinMs);
    await promise.finally(() => clearTimeout(late));
  }

  kill(): Promise<End> {
    return this.#end('SIGKILL');
  }

  /** SIGTERM. */
  drain(): Promise<End> {
    return this.#end('SIGTERM');
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  wake(): void {
    this.#child?.kill('SIGCONT');
  }

  lastLines(count = 6): string {
    try {
      return readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-count).map(line => line.replace(/"stack":"(?:[^"\\]|\\.)*",?/, '')).join('\n');
    } catch {
      return '';
    }
  }

  /** What it logged at `warn` and above, newest last. */
  complaints(): { level: number; msg: string; err?: { message: string } }[] {
    try {
      return readFileSync(this.#log, 'utf8').trimEnd().split('\n').flatMap(line => {
        try {
          const entry = JSON.parse(line) as { level: number; msg: string };
          return entry.level >= 40 ? [entry] : [];
        } catch {
          return line === '' ? [] : [{ level: 60, msg: line }];
        }
      });
    } catch {
      return [];
    }
  }

  get #log(): string {
    return join(this.#folder, `${this.id}.log`);
  }

  async #end(signal: NodeJS.Signals): Promise<End> {
    const child = this.#child;
    if (!child) return { code: null, signal: null, tookMs: 0 };
    const began = performance.now();
    child.kill(signal);
    await this.#ended;
    return { code: child.exitCode, signal: child.signalCode, tookMs: Math.round(performance.now() - began) };
  }
}
