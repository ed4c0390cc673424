/** What is archived. */
import { streams } from '../../runtime/subjects.ts';

/** The journals, and what they are folded under: rules and listings with their history, settings with theirs. */
export const archivedStreams = [streams.ingest, streams.sku, streams.attempt, streams.dead, streams.settings, streams.listings] as const;
