/** Settings of escrow, in which channels hold units of their own: docs/exposure.md. */
import { z } from 'zod';

const ms = z.number().int().min(0);

export const modes = ['mirror', 'escrow', 'auto'] as const;

export const exposureSchema = z.strictObject({
  mode: z.enum(modes).default('auto').describe('Of SKUs for which people have set none. `auto`: escrow while a SKU is scarce.'),
  risk: z.number().gt(0).lt(1).default(0.001).describe('Accepted chance that a sell-out in mirror mode oversells: below it `auto` leaves a SKU alone, and buffers are worked out by it.'),
  unmeasuredMs: ms.default(900_000).describe('Stands in for an account\'s delays while nothing was measured of it.'),
  cap: z.number().int().min(1).max(1_000_000).default(100).describe('No channel is given more units of a SKU than this at once.'),
  sendMs: ms.min(1_000).default(10_000).describe('A stored write is sent within so long, or not at all.'),
  allowLazyFlush: z.boolean().default(false).describe('Escrow may rest on a broker that acknowledges before it flushes to disk, as `nats.monitoring` finds it.'),
  marginMs: ms.default(2_000).describe('Clocks of channels, broker and nodes agree to within so much.'),
}).prefault({});

/** What a channel account promises, where it is not as its channel is; vendor's ms. */
export const accountExposureSchema = z.strictObject({
  kind: z.enum(['swap', 'version', 'set', 'gross']).optional().describe('How a write treats a sale that lands in between.'),
  lifeMs: ms.optional().describe('A write takes effect within so long after it is sent, or never.'),
  holdMs: ms.optional().describe('Buyers may hold units in payment for so long.'),
  staleMs: ms.optional().describe('A reading may be so old.'),
  leakMs: ms.optional().describe('Units that a channel has a right to and does not show are looked for after so long.'),
  countMs: ms.optional().describe('Where the channel counts its sales: a sale is in that count within so long after its order was read.'),
  unlistedMs: ms.optional().describe('Where the channel counts its sales: a unit that was counted and is in no order is taken for sold for so long.'),
});

export type ExposureConfig = z.output<typeof exposureSchema>;
export type AccountExposure = z.output<typeof accountExposureSchema>;
