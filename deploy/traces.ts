/**
 * Sends the way of jobs to an OpenTelemetry collector: some of all, and those that took long. What is sent is read back
 * from the journals when the job is proven, so that nothing is measured twice and no job waits for it.
 */
import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { TracesSettings } from '../config/traces.ts';
import { fnv1a } from '../runtime/subjects.ts';
import { spansOf, traceIdOf } from './spans.ts';
import type { Span } from './spans.ts';
import { traceSku } from './trace.ts';

export interface ProvenJob {
  sku: string;
  signature: string;
  /** From the cause to the proof. */
  ms: number;
}

/** Jobs that wait to be read back; more are not told. */
const waitingMost = 100;
/** What a call was answered is journaled in the background, ms. */
const settledAfterMs = 1_000;

export class Traces {
  readonly #nc: NatsConnection;
  readonly #log: Logger;
  readonly #settings: TracesSettings;
  readonly #provider: BasicTracerProvider;
  /** Ids of the span that is begun next: all of them follow from the job. */
  #next = { traceId: '', spanId: '' };
  readonly #waiting: { job: ProvenJob; at: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor({ nc, log, node, version, settings }: { nc: NatsConnection; log: Logger; node: string; version: string; settings: TracesSettings }) {
    this.#nc = nc;
    this.#log = log;
    this.#settings = settings;
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'plumb', 'service.version': version, 'service.instance.id': node }),
      idGenerator: { generateTraceId: () => this.#next.traceId, generateSpanId: () => this.#next.spanId },
      spanProcessors: [new BatchSpanProcessor(loud(new OTLPTraceExporter({ url: settings.url }), log))],
    });
  }

  /** A job was proven: it is told if it is one of the share, or was slow. The same ones at every node. */
  proven(job: ProvenJob): void {
    const { share, slowMs } = this.#settings;
    if (this.#stopped || (job.ms <= slowMs && fnv1a(job.signature) / 2 ** 32 >= share) || this.#waiting.length >= waitingMost) return;
    this.#waiting.push({ job, at: performance.now() + settledAfterMs });
    this.#timer ??= setTimeout(() => this.#work(), settledAfterMs);
  }

  /** Sends what has been read back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#working;
    await this.#provider.shutdown().catch((error: unknown) => this.#log.warn({ err: error }, 'the last traces could not be sent'));
  }

  #work(): void {
    const { job } = this.#waiting.shift()!;
    this.#working = this.#tell(job).catch((error: unknown) => this.#log.warn({ err: error, ...job }, 'the way of a job could not be read back')).finally(() => {
      const next = this.#waiting[0];
      this.#timer = next && !this.#stopped ? setTimeout(() => this.#work(), Math.max(1_000 / this.#settings.perSecond, next.at - performance.now())) : undefined;
    });
  }

  async #tell({ sku, signature }: ProvenJob): Promise<void> {
    const { chains: [chain] } = await traceSku(this.#nc, sku, { signature });
    if (chain) this.#send(traceIdOf(signature), spansOf(chain), ROOT_CONTEXT);
  }

  #send(traceId: string, { name, id, kind, start, end, attributes, error, children }: Span, parent: Context): void {
    this.#next = { traceId, spanId: id };
    const span = this.#provider.getTracer('plumb').startSpan(name, { kind, startTime: new Date(start), attributes }, parent);
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    for (const child of children) this.#send(traceId, child, trace.setSpan(parent, span));
    span.end(new Date(end));
  }
}

/** A collector that does not take them is told of once, and when it takes them again. */
function loud(exporter: SpanExporter, log: Logger): SpanExporter {
  let failing = false;
  return {
    export: (spans: ReadableSpan[], done) => exporter.export(spans, result => {
      if ((result.error !== undefined) !== failing) {
        failing = result.error !== undefined;
        if (failing) log.warn({ err: result.error }, 'traces are not taken by the collector');
        else log.info('traces are taken by the collector again');
      }
      done(result);
    }),
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush && { forceFlush: () => exporter.forceFlush!() }),
  };
}
