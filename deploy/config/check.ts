/** What a configuration must fit besides its schema: channels and their settings, doors, hooks, files that it names. */
import { fillIns, isSecret } from '../../config/json-schema.ts';
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/file.ts';
import type { ConfigFile } from '../../config/file.ts';
import { loadLimits, withOwn } from '../../config/limits.ts';
import { adapters, tokenStoreFor } from '../channels.ts';
import { checkDoors } from '../doors/check.ts';
import { hookedAccounts } from '../doors/hooks/open.ts';
import { readPrices } from '../prices.ts';

interface Problem { path: PropertyKey[]; message: string }

/** @throws {ConfigError} naming all that is wrong, a line each */
export function checkConfig({ config, told }: ConfigFile): void {
  const problems = [...twice(config), ...config.accounts.flatMap((account, n) => accountProblems(config, account, n)), ...besides(config)];
  if (problems.length > 0) throw new ConfigError(problems.map(({ path, message }) => told(path, message)).join('\n'));
}

/** What works and is better done otherwise. */
export function advice({ config, written, told }: ConfigFile): string[] {
  const bare = leavesOf(written).filter(({ path, value }) => typeof value === 'string' && isSecret(path) && !fillIns.test(value));
  return [
    ...bare.map(({ path }) => told(path, 'is a secret that stands in the file: name it, as ${NAME}, ${file:PATH} or ${command:PROGRAM}')),
    ...(config.timeScale === 1 ? [] : [told(['timeScale'], `is ${config.timeScale}: right for sandboxes only, a real channel is asked too often`)]),
    ...(config.accounts.length === 0 ? [told([], 'has no accounts: nothing is written anywhere')] : []),
    ...(config.sources.length === 0 ? [told([], 'has no sources: nothing is known to exist')] : []),
  ];
}

/** Two of one name would fight over the same records. */
function twice({ accounts, sources }: Config): Problem[] {
  const repeated = (names: readonly string[], list: string, key: string): Problem[] =>
    names.flatMap((name, n) => (names.indexOf(name) < n ? [{ path: [list, n, key], message: `${JSON.stringify(name)} stands there twice` }] : []));
  return [...repeated(accounts.map(({ account }) => account), 'accounts', 'account'), ...repeated(sources.map(({ source }) => source), 'sources', 'source')];
}

function accountProblems({ secretsDir, timeScale }: Config, account: Config['accounts'][number], n: number): Problem[] {
  const create = adapters[account.channel];
  if (!create) return [{ path: ['accounts', n, 'channel'], message: `${JSON.stringify(account.channel)} is none of ${Object.keys(adapters).join(', ')}` }];
  try {
    const tokens = tokenStoreFor(secretsDir, account);
    create(account, { now: Date.now, uuid: () => crypto.randomUUID(), tokens, timeScale });
    return limitProblems(account, n);
  } catch (error) {
    // Adapters name the field in their own words.
    const { message } = error as Error;
    const [, part, rest] = /\b(settings|credentials)(?:\.([\w.]+))?/.exec(message) ?? [];
    return [{ path: ['accounts', n, ...(part === undefined ? [] : [part, ...rest?.split('.') ?? []])], message }];
  }
}

function limitProblems({ channel, limits }: Config['accounts'][number], n: number): Problem[] {
  const published = loadLimits(channel);
  return Object.entries(limits).flatMap(([name, own]) => {
    try {
      withOwn(published, { [name]: own });
      return [];
    } catch (error) {
      return [{ path: ['accounts', n, 'limits', name], message: (error as Error).message }];
    }
  });
}

function besides(config: Config): Problem[] {
  const checks: [path: string, check: () => unknown][] = [
    ['', () => checkDoors(config)],
    ['', () => hookedAccounts(config, Date.now)],
    ['prices', () => config.prices !== undefined && readPrices(config.prices)],
  ];
  return checks.flatMap(([path, check]) => {
    try {
      check();
      return [];
    } catch (error) {
      const { message } = error as Error;
      // Those of this configuration begin with the key.
      const [, key, rest] = /^([a-z][\w.-]*): ([^]*)$/i.exec(message) ?? [];
      if (path !== '' || key === undefined) return [{ path: path === '' ? [] : path.split('.'), message }];
      return [{ path: key.split('.'), message: rest! }];
    }
  });
}

export function leavesOf(value: unknown, path: PropertyKey[] = []): { path: PropertyKey[]; value: unknown }[] {
  if (Array.isArray(value)) return value.flatMap((item, n) => leavesOf(item, [...path, n]));
  if (value !== null && typeof value === 'object') return Object.entries(value).flatMap(([key, item]) => leavesOf(item, [...path, key]));
  return [{ path, value }];
}
