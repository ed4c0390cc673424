/** The demo's Node processes: started, told, killed on purpose, started again, and never left behind. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Guardian } from '../guardian.ts';
import type { Message } from './child.ts';

export interface Program {
  /** Unique in the group; names the log file too. */
  name: string;
  /** Path of the module to run; it calls `underParent` and says `ready`. */
  module: string;
  args?: readonly string[];
  /** Added to this process's environment. */
  env?: Record<string, string>;
}

interface Running {
  program: Program;
  child: ChildProcess;
  /** Its end is nobody's surprise: it is being started, or being ended by us. */
  expected: boolean;
  exited: Promise<void>;
}

const readyWithinMs = 30_000;
const stopWithinMs = 6_000;

export class ProcessGroup {
  /** Told of a process that ended without being asked to; the last lines of its log are in `why`. */
  onDeath: (name: string, why: string) => void = () => {};
  readonly #logFolder: string;
  readonly #guardian: Guardian;
  readonly #programs = new Map<string, Program>();
  readonly #running = new Map<string, Running>();
  readonly #listeners = new Map<string, ((message: Message) => void)[]>();

  /** @param logFolder exists; each process appends its output to `<name>.log` in it */
  constructor(logFolder: string, guardian: Guardian) {
    this.#logFolder = logFolder;
    this.#guardian = guardian;
  }

  /**
   * Starts a process and waits until it says `ready`; returns that message.
   *
   * @throws {Error} when it ends or stays silent for 30 s, with the last lines of its log; it is gone then
   */
  async start(program: Program): Promise<Message> {
    if (this.#running.has(program.name)) throw new Error(`${program.name} runs already`);
    this.#programs.set(program.name, program);
    const running = this.#spawn(program);
    try {
      const message = await this.#ready(running);
      running.expected = false;
      return message;
    } catch (error) {
      await this.#end(running, 'SIGKILL');
      throw new Error([`${program.name} did not start: ${(error as Error).message}`, ...this.logTail(program.name)].join('\n  '));
    }
  }

  /** Starts again what was started under this name before, with the same arguments. */
  restart(name: string): Promise<Message> {
    const program = this.#programs.get(name);
    if (!program) throw new Error(`no process was ever called ${name}`);
    return this.start(program);
  }

  /** SIGKILL: no warning, no clean-up, no goodbye. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (!running) return;
    running.expected = true;
    await this.#end(running, 'SIGKILL');
  }

  /** SIGTERM to the named ones, or to all, at the same time; SIGKILL for what is left after 6 s. */
  async stop(names: readonly string[] = [...this.#running.keys()]): Promise<void> {
    await Promise.all(names.map(async name => {
      const running = this.#running.get(name);
      if (!running) return;
      running.expected = true;
      await this.#end(running, 'SIGTERM');
    }));
  }

  isAlive(name: string): boolean {
    return this.#running.has(name);
  }

  pid(name: string): number | undefined {
    return this.#running.get(name)?.child.pid;
  }

  /** Delivered unless the process has just died. */
  tell(name: string, message: Message): void {
    const child = this.#running.get(name)?.child;
    if (child?.connected) child.send(message, () => {});
  }

  /** Hears every message of the named process, also after a restart. */
  onMessage(name: string, hear: (message: Message) => void): void {
    this.#listeners.set(name, [...this.#listeners.get(name) ?? [], hear]);
  }

  /** The last lines that a process wrote. */
  logTail(name: string, lines = 12): string[] {
    try {
      return readFileSync(this.#logPath(name), 'utf8').trimEnd().split('\n').slice(-lines);
    } catch {
      return [];
    }
  }

  #logPath(name: string): string {
    return join(this.#logFolder, `${name}.log`);
  }

  #spawn(program: Program): Running {
    const log = openSync(this.#logPath(program.name), 'a');
    // Detached: Ctrl-C goes to the supervisor alone, which ends the others in order.
    const child = spawn(process.execPath, [program.module, ...program.args ?? []], {
      detached: true, stdio: ['ignore', log, log, 'ipc'], env: { ...process.env, ...program.env },
    });
    closeSync(log);
    if (child.pid) this.#guardian.watch(child.pid);
    child.on('message', message => {
      for (const hear of this.#listeners.get(program.name) ?? []) hear(message as Message);
    });
    const exited = new Promise<void>(resolve => {
      child.once('error', () => { this.#running.delete(program.name); resolve(); });
      child.once('exit', (code, signal) => {
        if (child.pid) this.#guardian.forget(child.pid);
        this.#running.delete(program.name);
        resolve();
        if (!running.expected) this.onDeath(program.name, [signal ?? `exit code ${code}`, ...this.logTail(program.name)].join('\n  '));
      });
    });
    const running: Running = { program, child, expected: true, exited };
    this.#running.set(program.name, running);
    return running;
  }

  async #ready({ child, exited }: Running): Promise<Message> {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const hear = (message: unknown): void => { if ((message as Message).type === 'ready') resolve(message as Message); };
    const late = setTimeout(() => reject(new Error(`not ready after ${readyWithinMs / 1000} s`)), readyWithinMs);
    child.on('message', hear);
    child.once('error', reject);
    void exited.then(() => reject(new Error(child.signalCode ?? `exit code ${child.exitCode}`)));
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      child.off('message', hear);
    }
  }

  async #end({ child, exited }: Running, signal: NodeJS.Signals): Promise<void> {
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    await exited;
    clearTimeout(force);
  }
}
