/** What is known of a rebuild while it goes on and after it: one record in the broker, which nodes look at before they start. */
import type { Records } from '../../runtime/records.ts';
import { rebuildSubject } from '../../runtime/subjects.ts';

export interface RebuildRecord {
  v: 1;
  run: string;
  from: 'archive' | 'erp';
  /** The latest that a node may have sent something; a forgotten write may take effect until `until`. Epoch ms. */
  lostAt: number;
  until: number;
  startedAt: number;
  /** Absent while it goes on, and where it was broken off. */
  overAt?: number;
  skus?: number;
  listings?: number;
}

/** What cannot be rebuilt as it stands; the message says what to do. */
export class RebuildError extends Error {
  override readonly name = 'RebuildError';
}

export async function rebuildOf(records: Records): Promise<RebuildRecord | undefined> {
  return (await records.get<RebuildRecord>(rebuildSubject))?.value;
}

/** A node that began in the middle would take half of a catalogue for all of it. @throws {RebuildError} */
export async function refuseWhileRebuilt(records: Records): Promise<void> {
  const record = await rebuildOf(records);
  if (record && record.overAt === undefined) throw new RebuildError(`a rebuild from ${record.from} began at ${new Date(record.startedAt).toISOString()} and is not over: wait for it, or run plumb rebuild again where it was broken off`);
}
