/** Schema of `metrics`: where a node answers `GET /metrics`, `/healthz` and `/readyz`. docs/inspect.md. */
import { z } from 'zod';

export const metricsSchema = z.strictObject({
  host: z.string().default('127.0.0.1').describe('Nobody is asked for a name: let only those listen who may see the figures.'),
  port: z.number().int().min(0).max(65_535).describe('0 takes a free one.'),
});

export type MetricsDoor = z.output<typeof metricsSchema>;
