/**
 * How long a lost connection waits before it is tried again. The NATS client goes by the wall clock, from when it tried each
 * server last: set back since then, by NTP or because a virtual machine was moved, it would try none until the clock is there
 * again.
 */

export interface Redialling {
  /** Between two tries of one server, ms; and so much more at random, so that many nodes do not come at once. */
  waitMs: number;
  jitterMs?: number;
  /** Epoch ms; and ms that nobody sets. */
  wall?(): number;
  steady?(): number;
  random?(): number;
}

/** Asked before each try, as many times as a broker may have servers: each has a time of its own. */
const triesAfterStep = 16;

/** The client's `reconnectDelayHandler`. @returns ms; below 0 by as much as the clock was set back */
export function redialDelay({ waitMs, jitterMs = 100, wall = Date.now, steady = () => performance.now(), random = Math.random }: Redialling): () => number {
  const ahead = (): number => wall() - steady();
  let before = ahead();
  let back = 0;
  let left = 0;
  return () => {
    const now = ahead();
    if (now < before - waitMs) {
      back += before - now;
      left = triesAfterStep;
    }
    before = now;
    if (left === 0) back = 0;
    // A server that was tried just before the step is tried at once, too.
    else left -= 1;
    return back > 0 ? -back - waitMs : waitMs + random() * jitterMs;
  };
}
