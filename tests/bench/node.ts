/**
 * A production node as a process of its own, with the bench's channel in it. `BENCH_NODE` is its configuration;
 * what is asked over IPC is answered with the same `type`.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { underParent } from '../../deploy/demo/child.ts';
import { startNode } from '../../deploy/node.ts';
import { Arrivals, BenchChannel } from './channel.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of objects and of the numbers that they keep outside of the heap, after a collection. */
function inUse(): number {
  // What one collection finds of buffers is given back by the next.
  for (let n = 0; n < 3; n++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const { writeBatch, channelDir, ...input } = JSON.parse(process.env.BENCH_NODE!) as { writeBatch: number; channelDir: string };
const config = configSchema.parse(input);
const channel = new BenchChannel(writeBatch, channelDir);
const plenty = { perSecond: 1e9, burst: 1e9 };
const node = await startNode(config, pino({ level: config.log.level }), {
  adapters: { bench: ({ account }) => channel.adapter(account) },
  limitsOf: () => ({ call: plenty }),
});

const parent = underParent(async () => {
  await node.stop();
  channel.save();
});
parent.onMessage(({ type }) => {
  switch (type) {
    case 'figures':
      return parent.tell({ type, ...node.figures(), writes: channel.writes });
    case 'heap':
      return parent.tell({ type, bytes: channel.without(inUse) });
    case 'watch':
      channel.arrivals = new Arrivals();
      return parent.tell({ type });
    case 'arrivals': {
      const { arrivals } = channel;
      channel.arrivals = undefined;
      return parent.tell({ type, arrivals: arrivals?.all() });
    }
  }
});
parent.ready();
