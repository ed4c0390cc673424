/** The archive that a configuration names, or an address alone. */
import type { ArchiveConfig } from '../../config/archive.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import { openDirectory } from './directory.ts';

export type ArchiveAddress = Pick<ArchiveConfig, 'store'> & Partial<ArchiveConfig>;

/** @throws {Error} when it cannot be reached */
export async function openArchive(settings: ArchiveAddress): Promise<ArchiveStore> {
  const found = /^s3:\/\/([^/]+)\/?(.*)$/.exec(settings.store);
  if (!found) return openDirectory(settings.store);
  const { openS3 } = await import('./s3.ts');
  return openS3({ ...settings, bucket: found[1]!, prefix: found[2]!.replace(/\/+$/, '') });
}
