/** A look at one channel account and, on test listings, the questions that its documents leave open. */
import { findListings, readToAsk } from '../../runtime/account/test-listing.ts';
import { Trial } from '../../runtime/account/trial.ts';
import { ask } from './experiments.ts';
import type { Answer } from './experiments.ts';
import { look } from './look.ts';
import type { Look } from './look.ts';
import type { Session } from './session.ts';

/** What `probe.<account>` holds in the bucket `channel`, as JSON. */
export interface ProbeRecord {
  v: 1;
  account: string;
  channel: string;
  /** Epoch ms. */
  at: number;
  answers: Answer[];
  /** For the account's `settings` in the configuration. */
  settings: Record<string, number>;
}

export interface Probed extends Look {
  answers: Answer[];
  settings: Record<string, number>;
  /** Test listings that do not show what they opened with, in words for a person. */
  unrestored: string[];
}

/**
 * @param reads single reads that are timed
 * @param wanted ids or SKUs of test listings to write; none: nothing is written
 * @throws {ListingError} when one of them is not there or cannot be asked
 */
export async function probe(session: Session, { reads, wanted, onTell = () => {} }: { reads: number; wanted: readonly string[]; onTell?: (line: string) => void }): Promise<Probed> {
  const seen = await look(session, reads);
  const probed: Probed = { ...seen, answers: [], settings: {}, unrestored: [] };
  if (wanted.length === 0 || seen.checks.some(({ ok }) => !ok)) return probed;

  const trials: Trial[] = [];
  for (const listing of await findListings(session, wanted)) {
    const reading = await readToAsk(session, listing);
    trials.push(new Trial(session, reading));
    onTell(`listing ${listing.id} (SKU ${listing.sku}) shows ${reading.quantity} and will show it again`);
  }
  try {
    for (const question of session.profile.questions) {
      if (question.experiment !== 'person') onTell(`asking: ${question.asks}`);
      const answer = await ask(session, trials, question);
      probed.answers.push(answer);
      if (answer.kind === 'answered') Object.assign(probed.settings, answer.settings);
    }
  } finally {
    for (const trial of trials) await trial.restore().catch((error: unknown) => { probed.unrestored.push((error as Error).message); });
  }
  return probed;
}
