/** How each kind of question is asked of a test listing, and what its answer says. */
import type { WriteOutcome } from '../../actors/channel/adapter.ts';
import type { Experiment, Figure, Question } from '../../actors/channel/profile.ts';
import type { Trial } from '../../runtime/account/trial.ts';
import { duration } from './look.ts';
import type { Session } from './session.ts';

export interface Found {
  answer: string;
  /** What was seen, in the vendor's own words where there are some. */
  evidence: string;
  figures?: Partial<Record<Figure, number>>;
}

/** An answer, or why there is none. */
export type Answer = Pick<Question, 'id' | 'asks' | 'source'> & (
  | (Found & { kind: 'answered'; settings?: Record<string, number> })
  | { kind: 'unanswered' | 'failed'; why: string });

type Ask = (session: Session, trials: readonly Trial[]) => Promise<Found>;

const lagSamples = 3;
/** Margins over what was seen: a bound that a slow day breaks would call a good write drift. */
const lagMargin = 4;
const shortestBoundMs = 10_000;

const asks: Record<Exclude<Experiment, 'person'>, Ask> = {
  async lag({ timeScale }, [trial]) {
    const lags: number[] = [];
    let stale = 0;
    for (let n = 0; n < lagSamples; n++) {
      for (const quantity of [trial!.quantity - 1, trial!.quantity]) {
        const { lagMs, staleFirst } = await trial!.set(quantity);
        lags.push(lagMs * timeScale);
        if (staleFirst) stale += 1;
      }
    }
    const [fastest, slowest] = [Math.min(...lags), Math.max(...lags)];
    const withinMs = seconds(Math.max(shortestBoundMs, lagMargin * slowest));
    return {
      answer: stale === 0 ? `at the first read, ${duration(fastest)} to ${duration(slowest)} after the call` : `after ${duration(fastest)} to ${duration(slowest)}`,
      evidence: `${lags.length} writes; the first read was old after ${stale} of them`,
      figures: { afterMs: Math.min(Math.max(500, Math.floor(fastest / 200) * 100), withinMs / 2), withinMs },
    };
  },

  async unchanged(_session, [trial]) {
    const outcome = await trial!.write(trial!.entry(trial!.last.quantity));
    const { quantity } = await trial!.read();
    return { answer: taken(outcome) ? `yes, ${outcome.kind}` : 'no', evidence: `${told(outcome)}; a read gives ${quantity}` };
  },

  async condition(session, [trial]) {
    const outdated = trial!.last;
    await trial!.set(trial!.quantity - 1);
    if (!session.adapter.needsReading) return { answer: 'there is no condition', evidence: 'the adapter sends none' };
    const outcome = await trial!.write(trial!.entry(trial!.quantity, outdated));
    const { quantity } = await trial!.read();
    if (outcome.kind === 'conflict') return { answer: 'yes, refused', evidence: told(outcome) };
    return { answer: 'NO: this listing is of kind set, sales in between are overwritten', evidence: `${told(outcome)}; a read gives ${quantity}` };
  },

  async zero(_session, [trial]) {
    const { reading } = await trial!.set(0);
    const { reading: raised } = await trial!.set(trial!.quantity);
    const alive = reading.active && raised.active;
    return {
      answer: alive ? 'yes, both' : `no: ${(raised.active ? reading.reason : raised.reason) ?? 'not for sale'}`,
      evidence: `at 0 ${reading.active ? 'listed' : 'not listed'}, at ${trial!.quantity} ${raised.active ? 'for sale' : 'not for sale'}`,
    };
  },

  async repeat(_session, [trial]) {
    const entry = trial!.entry(trial!.quantity - 1);
    const first = await trial!.write(entry);
    const second = await trial!.write(entry);
    const { quantity } = await trial!.read();
    return {
      answer: first.kind === second.kind ? `yes, ${second.kind} both times` : `no, ${first.kind} and then ${second.kind}`,
      evidence: `${told(first)}; ${told(second)}; a read gives ${quantity}`,
    };
  },

  async batch(session, trials) {
    if (trials.length < 2) throw new Unanswered('wants two test listings: give --listing twice');
    const { adapter } = session;
    const { value: outcomes } = await session.run(adapter.operations.write, call => adapter.write(trials.map(trial => trial.entry(trial.last.quantity)), call));
    const most = adapter.operations.write.batch;
    const whole = outcomes.every(taken);
    return {
      answer: whole ? `yes, ${trials.length} at a time` : `no, ${most} at a time`,
      evidence: outcomes.map(told).join('; '),
      ...(!whole && most === 1 && { figures: { batch: 1 } }),
    };
  },

  async 'one-bad'(session, trials) {
    const [good, bad] = trials;
    if (!good || !bad) throw new Unanswered('wants two test listings: give --listing twice');
    const { adapter } = session;
    const outdated = { ...bad.last, quantity: bad.last.quantity + 1 };
    const { value: outcomes } = await session.run(adapter.operations.write, call => adapter.write([good.entry(good.quantity - 1), bad.entry(bad.quantity, outdated)], call));
    const { quantity } = await good.read();
    return {
      answer: quantity === good.quantity - 1 ? 'no, the others are written' : 'yes, nothing of the call is written',
      evidence: `${outcomes.map(told).join('; ')}; the good one reads ${quantity}`,
    };
  },
};

class Unanswered extends Error {}

/** Asks one question and leaves the listings as it found them, where they can be. Never throws. */
export async function ask(session: Session, trials: readonly Trial[], question: Question): Promise<Answer> {
  const { id, asks: text, source, experiment, instructions, settings } = question;
  const base = { id, asks: text, source };
  if (experiment === 'person') return { ...base, kind: 'unanswered', why: `by hand: ${instructions}` };
  if (session.stopped) return { ...base, kind: 'unanswered', why: 'interrupted' };
  try {
    const { figures, ...found } = await asks[experiment](session, trials);
    const set = Object.entries(settings ?? {}).flatMap(([name, figure]) => (figures?.[figure] === undefined ? [] : [[name, figures[figure]] as const]));
    return { ...base, kind: 'answered', ...found, ...(set.length > 0 && { settings: Object.fromEntries(set) }) };
  } catch (error) {
    return { ...base, kind: error instanceof Unanswered || session.stopped ? 'unanswered' : 'failed', why: (error as Error).message };
  } finally {
    // The next question wants the listing as it was; what fails here is told by the last restoration.
    for (const trial of trials) await trial.restore().catch(() => undefined);
  }
}

const taken = ({ kind }: WriteOutcome): boolean => kind === 'applied' || kind === 'accepted';

function told(outcome: WriteOutcome): string {
  return 'code' in outcome ? `${outcome.kind} (${outcome.code}: ${outcome.message})` : outcome.kind;
}

const seconds = (ms: number): number => Math.ceil(ms / 1_000) * 1_000;
