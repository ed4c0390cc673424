/**
 * The way of one job as OpenTelemetry has it: a root from the source's event to the proof, and a span for each part of
 * it. All ids follow from the job's signature, so that whoever has the signature has the trace, and a chain that is
 * told twice is the same twice. Pure.
 */
import { createHash } from 'node:crypto';
import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import type { Chain, TraceStep } from './trace.ts';

export interface Span {
  name: string;
  /** 16 hex digits. */
  id: string;
  kind: SpanKind;
  /** Epoch ms. */
  start: number;
  end: number;
  attributes: Attributes;
  /** What went wrong in it. */
  error?: string;
  children: Span[];
}

/** 32 hex digits: the beginning of the signature's SHA-256. */
export function traceIdOf(signature: string): string {
  return digest(signature).slice(0, 32);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function spansOf(chain: Chain): Span {
  const { sku, account, signature, correlation, state, steps } = chain;
  let count = 0;
  const span = (name: string, start: number, end: number, attributes: Attributes = {}, more: Partial<Span> = {}): Span =>
    // Clocks of nodes and broker differ by some ms: nothing ends before it began.
    ({ name, id: digest(`${signature} ${count++}`).slice(0, 16), kind: SpanKind.INTERNAL, start, end: Math.max(start, end), attributes, children: [], ...more });
  const root = span('stock change', steps[0]!.at, steps.at(-1)!.at, {
    'plumb.sku': sku, 'plumb.account': account, 'plumb.job.signature': signature, 'plumb.correlation': correlation, 'plumb.job.state': state,
  }, { kind: SpanKind.CONSUMER });
  const at = (kind: TraceStep['step']): number | undefined => steps.find(({ step }) => step === kind)?.at;
  const [said, decided, tried] = [at('source'), at('decision'), at('attempt')];
  const told = steps.findLast(({ step }) => step === 'fact')?.at;
  if (said !== undefined && told !== undefined) root.children.push(span('normalize', said, told));
  if (told !== undefined && decided !== undefined) root.children.push(span('decide', told, decided, decisionOf(steps)));
  if (decided !== undefined && tried !== undefined) root.children.push(span('wait for the channel', decided, tried));
  let answered: number | undefined;
  for (const step of steps) {
    if (step.step === 'answer') answered = step.at;
    if (step.step === 'proof' && answered !== undefined && step.at > answered) root.children.push(span('verify', answered, step.at, { 'plumb.proof.by': step.by }));
    if (step.step !== 'attempt') continue;
    const { op, attempt, quantity, outcome, exchanges } = step;
    const took = exchanges.reduce((sum, { ms }) => sum + ms, 0);
    const isError = /Error$|^(refused|retry|conflict)$/.test(outcome.kind);
    const call = span(`channel ${op}`, step.at, step.at + took, { 'plumb.attempt': attempt, 'plumb.quantity': quantity, 'plumb.outcome': outcome.kind },
      { kind: SpanKind.CLIENT, ...(isError && { error: String(outcome['message'] ?? outcome.kind) }) });
    let begins = step.at;
    for (const { method, path, status, ms, requestId, error } of exchanges) {
      call.children.push(span(method, begins, begins + ms, {
        'http.request.method': method, 'url.path': path.split('?', 1)[0]!,
        ...(status !== undefined && { 'http.response.status_code': status }), ...(requestId !== undefined && { 'plumb.vendor.request_id': requestId }),
      }, { kind: SpanKind.CLIENT, ...(error !== undefined && { error }) }));
      begins += ms;
    }
    root.children.push(call);
  }
  root.end = Math.max(root.end, ...root.children.map(({ end }) => end));
  return root;
}

function decisionOf(steps: readonly TraceStep[]): Attributes {
  const decision = steps.find(each => each.step === 'decision');
  return decision ? { 'plumb.quantity': decision.quantity, 'plumb.lane': decision.lane, 'plumb.debounced_ms': decision.waitedMs } : {};
}
