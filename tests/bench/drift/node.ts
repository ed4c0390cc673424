/**
 * A production node with the five real adapters, at the quotas that vendors document, however fast the sandboxes' clocks
 * run: what answers tell of rates is left out. `DRIFT_NODE` is its configuration. Amazon's order polls alone run as fast as
 * its clock: in production its notifications say when to poll, and no queue is wired here.
 */
import { pino } from 'pino';
import type { AdapterFactory, Call, ChannelAdapter } from '../../../actors/channel/adapter.ts';
import { configSchema } from '../../../config/config.ts';
import type { ConfigInput } from '../../../config/config.ts';
import { loadLimits } from '../../../config/limits.ts';
import { adapters } from '../../../deploy/channels.ts';
import { underParent } from '../../../deploy/demo/child.ts';
import { startNode } from '../../../deploy/node.ts';

/** What a call did not use of what it reserved is the same at any speed of the clock. */
const silent = (call: Call): Call => ({ ...call, onMeter: ({ limit, refund }) => { if (refund !== undefined) call.onMeter?.({ limit, refund }); } });

function atDocumentedRates(create: AdapterFactory): AdapterFactory {
  return (settings, ports) => {
    const adapter = create(settings, ports);
    const { channel, gross, needsReading, operations, revisions } = adapter;
    const quiet: ChannelAdapter = {
      channel, gross, needsReading, operations,
      ...(revisions && { revisions }),
      write: (entries, call) => adapter.write(entries, silent(call)),
      read: (listings, call) => adapter.read(listings, silent(call)),
      orders: (cursor, call) => adapter.orders(cursor, silent(call)),
      listings: (cursor, call) => adapter.listings(cursor, silent(call)),
      tokenExpiresAt: () => adapter.tokenExpiresAt(),
    };
    if (adapter.readOperation) quiet.readOperation = listing => adapter.readOperation!(listing);
    return quiet;
  };
}

const config = configSchema.parse(JSON.parse(process.env['DRIFT_NODE']!) as ConfigInput);
const node = await startNode(config, pino({ level: config.log.level }), {
  adapters: Object.fromEntries(Object.entries(adapters).map(([channel, create]) => [channel, atDocumentedRates(create)])),
  limitsOf: (channel, scale) => ({ ...loadLimits(channel), ...(channel === 'amazon' && { searchOrders: loadLimits(channel, scale)['searchOrders']! }) }),
});
underParent(() => node.stop()).ready();
