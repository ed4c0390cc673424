/** A lost connection is tried again by a clock that nobody sets. */
import test from 'ava';
import { redialDelay } from '../../runtime/redial.ts';

/** Servers as the client has them: each is tried once the wall clock is so much later than when it was tried last. */
function client(servers: number) {
  let [wall, steady] = [1_000_000, 0];
  const delay = redialDelay({ waitMs: 250, jitterMs: 100, wall: () => wall, steady: () => steady, random: () => 0.5 });
  const tried = Array<number>(servers).fill(wall);
  return {
    pass: (ms: number): void => { wall += ms; steady += ms; },
    step: (ms: number): void => { wall += ms; },
    /** Tries of each server within so long, none of which is answered. */
    tries(ms: number): number[] {
      const counts = tried.map(() => 0);
      for (let n = 0, end = steady + ms; steady < end; n++) {
        const wait = delay();
        const server = n % servers;
        if (tried[server]! + wait <= wall) {
          tried[server] = wall;
          counts[server]! += 1;
        } else {
          this.pass(Math.max(1, Math.min(wait, tried[server]! + wait - wall)));
        }
      }
      return counts;
    },
  };
}

test('a server is tried again after the wait and half of the jitter', t => {
  const one = client(1);
  one.pass(10_000);
  t.deepEqual(one.tries(3_000), [10]);
});

test('a clock that was set back, while connected or not, keeps no server from being tried', t => {
  for (const servers of [1, 5]) {
    const some = client(servers);
    some.pass(10_000);
    some.step(-300_000);
    const after = some.tries(3_000);
    t.true(after.every(count => count >= 3 && count <= 26), `${after}`);
    some.step(-40_000);
    some.step(-5_000);
    t.true(some.tries(1_000).every(count => count >= 1));
  }
});

test('soon after the step it is waited again, and a clock that is set forward changes nothing', t => {
  const one = client(1);
  one.step(-60_000);
  one.tries(1_000);
  t.deepEqual(one.tries(3_000), [10]);
  one.step(60_000);
  t.deepEqual(one.tries(3_000), [10]);
});
