/** A node's guard against a broker that loses what it acknowledged (P12): where marks are kept, and what a loss does to the node. */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { LossGuard } from '../runtime/loss/guard.ts';
import { Marks, openMarkFile } from '../runtime/loss/marks.ts';
import type { MarkStore } from '../runtime/loss/marks.ts';
import { exposureSettings, longestLifeMs } from './exposure-terms.ts';

/**
 * Says where nothing is kept and escrow may rest on it. The guard is to be started before anything is published.
 *
 * @param store instead of a file in `node.dataDir`
 * @throws {Error} when the folder cannot be used
 */
export async function guardBroker(nc: NatsConnection, config: Config, log: Logger, store?: MarkStore): Promise<{ guard: LossGuard; marks: Marks }> {
  const { node: { id: node, dataDir }, exposure: { mode } } = config;
  const kept = store ?? (dataDir === undefined ? undefined : await openMarkFile(dataDir, node));
  if (!kept && mode !== 'mirror') log.warn('node.dataDir is not set: that the broker lost facts shows only while a node lives that saw them, or by its own records');
  const marks = new Marks(kept, log);
  await marks.load();
  const guard = new LossGuard({
    nc, marks, log, node,
    lifeMs: longestLifeMs(exposureSettings(config)),
    onLost: () => {
      log.fatal({ node }, 'the broker lost what it had acknowledged: this node ends and is to be started again');
      void marks.stop().finally(() => nc.close());
    },
  });
  return { guard, marks };
}
