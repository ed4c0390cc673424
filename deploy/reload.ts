/**
 * A configuration that changes while its node runs. Rates, rules, limits and mappings are taken up at once, by letting
 * go of what they belong to and taking it again, as another node would; the rest is told to want a restart.
 */
import { readFileSync } from 'node:fs';
import diff from 'microdiff';
import type { NatsConnection, Subscription } from 'nats';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { fileOf } from '../config/sources.ts';

/** What a reload comes to. */
export interface Plan {
  /** What the node works with from now on. */
  config: Config;
  /** Keys that are taken up, accounts and sources by name. */
  applied: string[];
  /** Keys that are not, until the node is started again. */
  needsRestart: string[];
  /** What has to be let go of and taken again: `account.<name>`, `source.<name>`. */
  units: string[];
}

export type Answer = { ok: true } & Omit<Plan, 'config'> | { ok: false; error: string };

type Account = Config['accounts'][number];
type Source = Config['sources'][number];

const accountKeys = ['rule', 'limits'] as const satisfies (keyof Account)[];
const sourceKeys = ['mapping', 'params', 'tables', 'rhythm'] as const;
/** Of every account; what else stands under `channels` decides how journals are folded. */
const everyAccount = /^(reconcile|promises|channels\.(?!callMs))\b/;
const everyUnit = /^governor\b/;

/** @param changedMapping whether the file of a source's mapping says something else than when the node took it up */
export function planReload(running: Config, wanted: Config, changedMapping: (source: string) => boolean = () => false): Plan {
  const known = { accounts: new Map(running.accounts.map(each => [each.account, each])), sources: new Map(running.sources.map(each => [each.source, each])) };
  const accounts = running.accounts.map(each => taken(each, wanted.accounts.find(({ account }) => account === each.account), accountKeys));
  const sources = running.sources.map(each => taken(each, wanted.sources.find(({ source }) => source === each.source), sourceKeys));
  const { reconcile, promises, governor, log, channels } = wanted;
  const config: Config = { ...running, reconcile, promises, governor, log, channels: { ...channels, callMs: running.channels.callMs }, accounts, sources };
  const applied = changes(running, config);
  const mappings = sources.filter(each => known.sources.has(each.source) && changedMapping(each.source)).map(({ source }) => `sources.${source}.mapping`);
  const all = [...new Set([...applied, ...mappings])];
  const some = (pattern: RegExp): boolean => all.some(key => pattern.test(key));
  const touched = (list: 'accounts' | 'sources', name: string): boolean => all.some(key => key.startsWith(`${list}.${name}.`));
  return {
    config,
    applied: all,
    needsRestart: changes(config, wanted),
    units: [
      ...accounts.filter(({ account }) => some(everyAccount) || some(everyUnit) || touched('accounts', account)).map(({ account }) => `account.${account}`),
      ...sources.filter(({ source }) => some(everyUnit) || touched('sources', source)).map(({ source }) => `source.${source}`),
    ],
  };
}

/** One entry with those keys of the wanted one; what is gone stays until a restart. */
function taken<T extends object>(running: T, wanted: T | undefined, keys: readonly PropertyKey[]): T {
  if (!wanted) return running;
  const own = (entry: T, isKey: boolean): object => Object.fromEntries(Object.entries(entry).filter(([key]) => keys.includes(key) === isKey));
  return { ...own(running, false), ...own(wanted, true) } as T;
}

/** Keys by which two configurations differ, lists by the names of their entries. */
function changes(before: Config, after: Config): string[] {
  const byName = ({ accounts, sources, ...rest }: Config): object => ({
    ...rest,
    accounts: Object.fromEntries(accounts.map(each => [each.account, each])),
    sources: Object.fromEntries(sources.map(each => [each.source, each])),
  });
  return [...new Set(diff(byName(before) as Record<string, unknown>, byName(after) as Record<string, unknown>).map(({ path }) => path.join('.')))].sort();
}

export interface ReloadPorts {
  node: string;
  nc: NatsConnection;
  log: Logger;
  /** Reads the configuration again. @throws {Error} when it cannot be used; absent where it is no file */
  reread?: (() => Config) | undefined;
  /** Lets go of a unit and takes it again. */
  renew(unit: string): Promise<void>;
}

/** The configuration that a node works with now. `nats req control.node.<id> reload` changes it, as SIGHUP does. */
export class Reloads {
  readonly #p: ReloadPorts;
  #config: Config;
  #mappings: Map<string, string>;
  #subscription: Subscription | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(config: Config, ports: ReloadPorts) {
    this.#p = ports;
    this.#config = config;
    this.#mappings = mappingTexts(config);
  }

  get config(): Config {
    return this.#config;
  }

  account(name: string): Account {
    return this.#config.accounts.find(({ account }) => account === name)!;
  }

  source(name: string): Source {
    return this.#config.sources.find(({ source }) => source === name)!;
  }

  serve(): void {
    const { nc, node } = this.#p;
    const answer = (error: Error | null, message: { string(): string; respond(data: string): boolean }): void => {
      if (error) return;
      const command = message.string();
      const done = command === 'reload' ? this.reload() : Promise.resolve<Answer>({ ok: false, error: `unknown command ${JSON.stringify(command)}: reload` });
      void done.then(told => message.respond(JSON.stringify({ node, ...told })));
    };
    this.#subscription = nc.subscribe(`control.node.${node}`, { callback: answer });
  }

  close(): void {
    this.#subscription?.unsubscribe();
  }

  /** One after the other; a configuration that cannot be used changes nothing. */
  reload(): Promise<Answer> {
    const done = this.#turn.then(() => this.#reload());
    this.#turn = done;
    return done;
  }

  async #reload(): Promise<Answer> {
    const { reread, renew, log } = this.#p;
    try {
      if (!reread) throw new Error('this node was not started from a file');
      const wanted = reread();
      const texts = mappingTexts(wanted);
      const { config, ...told } = planReload(this.#config, wanted, source => texts.get(source) !== this.#mappings.get(source));
      this.#config = config;
      this.#mappings = mappingTexts(config);
      log.level = config.log.level;
      await Promise.all(told.units.map(renew));
      log.info(told, 'configuration was read again');
      if (told.needsRestart.length > 0) log.warn({ needsRestart: told.needsRestart }, 'changes of the configuration wait for a restart of this node');
      return { ok: true, ...told };
    } catch (error) {
      log.error({ err: error }, 'configuration could not be read again, the former one stays');
      return { ok: false, error: (error as Error).message };
    }
  }
}

/** What the mapping of each source says: a file may change under the same name. */
function mappingTexts({ sources }: Config): Map<string, string> {
  return new Map(sources.flatMap(({ source, mapping }) => (mapping === undefined ? [] : [[source, readFileSync(fileOf(mapping), 'utf8')]])));
}
