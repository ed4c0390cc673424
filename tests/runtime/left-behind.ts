/**
 * Puts 6 MB through what its argument names, four values at a time, with collections of young objects alone, and prints
 * how many bytes of it are still there. Wants `--expose-gc` and a small young generation, which V8 takes for a busy one.
 */
import { ChurnMap } from '../../actors/churn-map.ts';
import { makeYoung } from '../../deploy/heap.ts';

const young = (): void => { (gc as NodeJS.GCFunction)({ type: 'minor' }); };
const bytes = (): number => {
  // What one collection finds of buffers is given back by the next.
  for (let n = 0; n < 3; n++) young();
  return process.memoryUsage().arrayBuffers;
};

const way = process.argv[2];
if (way === 'young objects') makeYoung();
const put = way === 'map' ? through(new Map<number, Uint8Array>()) : way === 'churn map' ? through(new ChurnMap<number, Uint8Array>()) : throughObjects();
const before = bytes();
for (let n = 0; n < 3_000; n++) {
  put(n, new Uint8Array(2_000));
  if (n % 300 === 299) young();
}
process.stdout.write(String(bytes() - before));

function through(map: Map<number, Uint8Array> | ChurnMap<number, Uint8Array>): (n: number, data: Uint8Array) => void {
  // Its table gets old.
  map.set(-1, new Uint8Array(1));
  bytes();
  return (n, data) => {
    map.set(n, data);
    map.delete(n - 4);
  };
}

function throughObjects(): (n: number, data: Uint8Array) => void {
  const held: { n: number; data: Uint8Array | undefined }[] = [];
  const hold = (at: number, n: number, data: Uint8Array | undefined): void => { held[at] = { n, data }; };
  // Much waits at once: nearly all that is made here lives on.
  for (let n = 0; n < 200_000; n++) hold(n % 20_000, n, undefined);
  held.length = 0;
  (gc as NodeJS.GCFunction)();
  return (n, data) => hold(n % 4, n, data);
}
