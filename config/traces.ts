/** Schema of `traces`: where a node sends the way of jobs as OpenTelemetry traces. docs/inspect.md. */
import { z } from 'zod';

export const tracesSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`; headers that it wants stand in OTEL_EXPORTER_OTLP_HEADERS.'),
  share: z.number().min(0).max(1).default(0.01).describe('Of all jobs that are proven, 0 to 1.'),
  slowMs: z.number().int().min(0).default(30_000).describe('A job that took longer is told in any case, ms.'),
  perSecond: z.number().positive().max(100).default(2).describe('No more than so many: each is read back from the journals.'),
});

export type TracesSettings = z.output<typeof tracesSchema>;
