/** How V8 collects what a node leaves behind. */
import { setFlagsFromString } from 'node:v8';

/**
 * Has all objects made among the young, whatever became of earlier ones. V8 notes for each place in the code how many of
 * its objects live through a collection, and makes the next ones among the old when nearly all do. In a node that is
 * what waits for the broker at one moment of much work: from then on everything that was sent, with the bytes it holds,
 * stays until the next full collection, and full collections come three times as often (docs/decisions/0033).
 *
 * Of the whole process, from now on: V8 looks the flag up at each collection. To be called before anything is at work.
 */
export function makeYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
