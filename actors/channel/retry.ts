/** How long to wait before trying again. Pure: randomness is an argument. */

const baseMs = 200;
const capMs = 60_000;

/** Full jitter (Brooker 2015): anywhere between nothing and the exponential bound. @param attempt 1 for the first retry */
export function backoffMs(attempt: number, random: number): number {
  return Math.floor(random * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20)));
}
