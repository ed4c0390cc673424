/** A Plumb node as a process of the simulated machine: the real one, started, killed, paused, woken, asked to leave. */
import type { Logger } from 'pino';
import { configSchema } from '../../config/config.ts';
import type { Config } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import type { MarkStore } from '../../runtime/loss/marks.ts';
import type { NodeParts, RunningNode } from '../../deploy/node.ts';
import type { Machine, Process } from './machine.ts';
import type { Link } from './network.ts';

export type Level = 'info' | 'warn' | 'error' | 'fatal';

export interface NodePorts {
  machine: Machine;
  link: Link;
  parts: NodeParts;
  accounts: readonly { account: string; channel: string; exposure?: object }[];
  /** Waits of the product. */
  settings: object;
  onLog(node: string, level: Level, message: string, about: Record<string, unknown>): void;
}

/** What is started again takes so long to come up, ms. */
const bootMs = 300;

export function configOf(id: string, url: string, accounts: NodePorts['accounts'], settings: object): Config {
  return configSchema.parse({
    nats: { url }, node: { id }, sources: [{ source: 'erp', rhythm: 'off' }],
    accounts: accounts.map(account => ({ ...account, baseUrl: 'http://simulated', credentials: {}, stage: 'live' })),
    ...settings,
  });
}

export class SimulatedNode {
  readonly id: string;
  readonly link: Link;
  readonly #p: NodePorts;
  /** Its disk, which nothing happens to. */
  #kept: string | undefined;
  process: Process;
  running: RunningNode | undefined;
  /** It is to run: started again when it ends by itself. */
  #isWanted = false;

  constructor(id: string, ports: NodePorts) {
    this.id = id;
    this.#p = ports;
    this.link = ports.link;
    this.process = ports.machine.start(id);
    this.process.state = 'dead';
  }

  get isAlive(): boolean {
    return this.process.state !== 'dead';
  }

  start(): void {
    this.#isWanted = true;
    if (this.isAlive) return;
    const { machine, parts, accounts, settings } = this.#p;
    const process = this.process = this.link.process = machine.start(this.id);
    const config = configOf(this.id, this.link.url, accounts, settings);
    machine.after(bootMs, process, () => {
      startNode(config, this.#log(process), { ...parts, marks: this.#disk(process) }).then(node => {
        if (process.state === 'dead') return;
        this.running = node;
        void node.closed.then(() => this.#ended(process, 'its connection is closed for good'));
      }, (error: unknown) => this.#ended(process, `it could not start: ${(error as Error).message}`));
    });
  }

  kill(): void {
    this.#isWanted = false;
    this.#end();
  }

  pause(): void {
    this.#p.machine.pause(this.process);
  }

  wake(): void {
    this.#p.machine.wake(this.process);
  }

  /** Asks it to leave in good order; it is not started again by itself. @param onLeft told what it left behind */
  leave(onLeft: (process: Process) => void = () => {}): void {
    this.#isWanted = false;
    const { running, process } = this;
    if (!running || process.state !== 'running') return this.kill();
    this.running = undefined;
    this.#p.machine.as(process, () => {
      void running.stop().then(() => {
        onLeft(process);
        if (this.process === process) this.#end();
      }, (error: unknown) => this.#ended(process, `it could not leave: ${(error as Error).message}`));
    });
  }

  #disk(process: Process): MarkStore {
    return {
      read: () => Promise.resolve(this.#kept),
      write: text => {
        if (process.state !== 'dead') this.#kept = text;
        return Promise.resolve();
      },
    };
  }

  #ended(process: Process, why: string): void {
    if (this.process !== process || process.state === 'dead') return;
    if (!this.#isWanted) return;
    this.#p.onLog(this.id, 'warn', 'ends', { why });
    this.#end();
    this.#p.machine.after(1_000, this.#p.machine.outside, () => { if (this.#isWanted) this.start(); });
  }

  #end(): void {
    this.running = undefined;
    this.#p.machine.kill(this.process);
    this.link.drop();
  }

  #log(process: Process): Logger {
    const { onLog } = this.#p;
    const at = (level: Level) => (about: Record<string, unknown> | string, message?: string): void => {
      if (process.state !== 'dead') onLog(this.id, level, message ?? String(about), typeof about === 'string' ? {} : about);
    };
    return { trace: () => {}, debug: () => {}, info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') } as unknown as Logger;
  }
}
