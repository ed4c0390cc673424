/** Which archive a command is about: `--store`, else the `archive` of a configuration. */
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import type { ArchiveAddress } from '../archive/open.ts';
import { FailedError, UsageError } from './exit.ts';

export interface ArchiveFlags { config?: string; store?: string }

export function withArchiveFlags(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration with an archive in it (default: PLUMB_CONFIG)')
    .option('--store <address>', 'a folder, or s3://<bucket>/<prefix>, instead; AWS_REGION, AWS_ENDPOINT_URL_S3 and AWS\'s other variables count');
}

/** @returns undefined where neither is given and none is wanted; {UsageError} for a configuration that is wrong */
export async function addressOf({ config, store }: ArchiveFlags): Promise<ArchiveAddress | undefined> {
  if (store !== undefined) return { store };
  return (await configOf(config))?.archive;
}

/** @throws {UsageError} */
export async function configOf(file = process.env.PLUMB_CONFIG): Promise<Config | undefined> {
  if (!file) return undefined;
  const { ConfigError, loadConfig } = await import('../../config/file.ts');
  try {
    return loadConfig(file);
  } catch (cause) {
    if (cause instanceof ConfigError) throw new UsageError(cause.message, { cause });
    throw cause;
  }
}

/** @throws {UsageError} where no archive is named; {FailedError} where it does not answer, or is none */
export async function withArchive<T>(flags: ArchiveFlags, work: (store: ArchiveStore) => Promise<T>): Promise<T> {
  const address = await addressOf(flags);
  if (!address) throw new UsageError('no archive: give --store, or --config with an archive in it');
  const { openArchive } = await import('../archive/open.ts');
  const { ArchiveError } = await import('../../runtime/archive/store.ts');
  let store: ArchiveStore | undefined;
  try {
    store = await openArchive(address);
    if (!await store.get('format.json')) throw new ArchiveError(`${store.name} holds no archive: nothing was ever archived there`);
    return await work(store);
  } catch (cause) {
    if (cause instanceof UsageError || cause instanceof FailedError) throw cause;
    const { name, message } = cause as Error;
    throw new FailedError(name === 'ArchiveError' ? message : `${address.store}: ${name}: ${message}`, { cause });
  } finally {
    store?.close();
  }
}
