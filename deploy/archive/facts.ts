/** What is archived, as actors were told it and folded it. */
import { segmentsOf } from '../../runtime/archive/read.ts';
import type { ArchivedMessage } from '../../runtime/archive/segment.ts';
import { headerOf } from '../../runtime/archive/segment.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import type { Incoming } from '../../runtime/handle.ts';
import { incoming } from '../../runtime/journal.ts';
import type { Dated } from '../../runtime/settings-history.ts';
import { skuSettingsSubject, streams } from '../../runtime/subjects.ts';
import type { SkuSettings } from '../sku-settings.ts';

/** As the journal itself would have told it. */
export function archivedFact(archived: ArchivedMessage): Incoming {
  return incoming({ ...archived, header: name => headerOf(archived, name) });
}

/** Oldest first. @throws {ArchiveError} */
export async function archivedSettings(store: ArchiveStore): Promise<Dated<SkuSettings>[]> {
  const history: Dated<SkuSettings>[] = [];
  for await (const { messages } of segmentsOf(store, streams.settings)) {
    for (const { subject, at, data } of messages) if (subject === skuSettingsSubject && data.length > 0) history.push({ at, settings: JSON.parse(data.toString()) as SkuSettings });
  }
  return history;
}
