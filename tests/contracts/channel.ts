/**
 * What every channel adapter owes its caller, run against its sandbox over real HTTP. A title is a sentence that
 * turns false when the adapter breaks; the comment above it says why it is there. The behaviours are in `channel/`.
 */
import type { TestFn } from 'ava';
import { failing } from './channel/failing.ts';
import { feeding } from './channel/feeding.ts';
import { reading } from './channel/reading.ts';
import { selling } from './channel/selling.ts';
import { World } from './channel/world.ts';
import type { Behaviour, ChannelFixture } from './channel/world.ts';
import { writing } from './channel/writing.ts';

export type { ChannelFixture };

/** SKUs that break careless encoding, each with the quantity it opens with. */
export const openingStock: Record<string, number> = { 'A-1': 10, 'A-2': 7, 'a-1': 3, 'B 2': 5, 'C/3': 4, 'D-4': 0 };

/**
 * @param start a fresh sandbox holding `skus` and an adapter on it; the clock is fast enough that every wait which
 *   the adapter declares is over within `settleMs`
 * @param feeds whether the adapter is given with feeds: what they owe is owed besides
 */
export function channelContract(
  test: TestFn,
  start: (opening: Record<string, number>) => Promise<ChannelFixture>,
  { opening = openingStock, settleMs = 5_000, feeds = false }: { opening?: Record<string, number>; settleMs?: number; feeds?: boolean } = {},
): void {
  const behaviour: Behaviour = (title, run, stock = opening) => {
    // One after the other: the sandboxes' clocks are fast, and a crowd on few cores would let their waits run out.
    test.serial(title, async t => {
      const fixture = await start(stock);
      t.teardown(() => fixture.sandbox.close());
      await run(t, new World(fixture, settleMs));
    });
  };
  for (const part of [reading, writing, selling, failing, ...(feeds ? [feeding] : [])]) part(behaviour, opening);
}
