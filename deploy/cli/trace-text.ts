/** A trace as people read it: one chain a paragraph, one step a line. */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Exchange } from '../../actors/channel/adapter.ts';
import type { Chain, Inputs, Trace, TraceStep } from '../trace.ts';

/** @param columns lines are cut there; `--json` has everything */
export function traceLines({ sku, facts, state, available, chains }: Trace, columns: number): string[] {
  const head = `${styleText('bold', `SKU ${JSON.stringify(sku)}`)}  ${typeof state === 'string' ? state : JSON.stringify(state)}, available ${available ?? 'unknown'}, ${facts} facts`;
  if (chains.length === 0) return [head, 'no channel was ever to show a number of it: it is not counted yet, or not linked to any account'];
  return [head, ...chains.flatMap(chain => ['', ...chainLines(chain)])].map(line => cut(line, columns));
}

function chainLines(chain: Chain): string[] {
  const { account, signature, steps, correlation } = chain;
  return [
    `${styleText('bold', account)}  ${styleText('dim', signature)}  ${stateText(chain)}  ${styleText('dim', `began with ${correlation}`)}`,
    ...steps.flatMap((step, n) => {
      const time = n === 0 ? timeOf(step.at) : `${step.afterMs < 0 ? '' : '+'}${span(step.afterMs)}`;
      const [first, ...more] = stepLines(step);
      return [`  ${time.padStart(12)}  ${styleText('cyan', nameOf(step).padEnd(8))}  ${first}`, ...more.map(line => `${' '.repeat(26)}${line}`)];
    }),
  ];
}

function stateText({ state, tookMs, supersededBy }: Chain): string {
  switch (state) {
    case 'proven': return styleText('green', `proven after ${span(tookMs)}`);
    case 'refused': return styleText('red', 'refused by the channel');
    case 'superseded': return styleText('yellow', `overtaken by ${supersededBy} before it was proven`);
    case 'open': return styleText('yellow', 'not proven yet');
  }
}

function nameOf(step: TraceStep): string {
  return step.step === 'attempt' ? step.op : step.step === 'decision' ? 'decided' : step.step;
}

function stepLines(step: TraceStep): string[] {
  switch (step.step) {
    case 'source': return [`${step.source} message ${step.seq}  ${step.gone ? 'INGEST keeps it no more' : plain(step.message)}`];
    case 'fact': {
      const { type = '?', ...fields } = step.fact as { type?: string };
      return [`#${step.seq} of ${JSON.stringify(step.sku)}  ${type}  ${fieldsOf(fields)}`];
    }
    case 'decision': {
      const { seq, quantity, kind, lane, rule, ruleVersion, inputs, waitedMs } = step;
      return [
        `#${seq} show ${styleText('bold', String(quantity))} (${kind === lane ? kind : `${kind}, ${lane}`})${waitedMs > 0 ? `, waited ${span(waitedMs)} for quiet` : ''}`,
        `from ${inputsOf(inputs)}; rule ${fieldsOf(rule)}${ruleVersion === undefined ? '' : ` (version ${ruleVersion})`}`,
      ];
    }
    case 'attempt': {
      const { op, attempt, quantity, outcome: { kind, signature: _known, ...more }, exchanges } = step;
      return [
        `${op === 'write' ? `${quantity}, try ${attempt + 1}` : op === 'feed' ? 'the feed\'s report' : 'what it shows'}: ${styleText('bold', kind)} ${fieldsOf(more)}`.trimEnd(),
        ...exchanges.map(exchangeText),
      ];
    }
    case 'answer': {
      const { seq, outcome, quantity, code, message, until } = step;
      return [`#${seq} ${outcome} ${quantity}${until === undefined ? '' : `, to be seen until ${timeOf(until)}`}${code === undefined ? '' : `  ${code}`}${message === undefined ? '' : `: ${message}`}`];
    }
    case 'reading': return [`#${step.seq} ${step.verdict}: it shows ${step.quantity}${step.finding === undefined ? '' : `  ${step.finding}`}`];
    case 'proof': return [`#${step.seq} ${styleText('green', `it shows ${step.quantity}`)}, by ${step.by === 'read' ? 'reading it back' : 'the answer to the write'}`];
  }
}

function exchangeText({ method, path, status, ms, requestId, error }: Exchange): string {
  return `${method} ${path}  ${status ?? 'no answer'} in ${span(ms)}${requestId === undefined ? '' : `  id ${requestId}`}${error === undefined ? '' : `  ${error}`}`;
}

function inputsOf(inputs: Inputs): string {
  if ('parts' in inputs) return `available ${inputs.available} of parts ${fieldsOf(inputs.parts)}`;
  const { available, onHand, reserved, sold } = inputs;
  return `available ${available} = ${onHand} on hand${reserved === 0 ? '' : ` - ${reserved} reserved`}${sold === 0 ? '' : ` - ${sold} sold`}`;
}

/** What a fact says besides its type, as `name=value`. */
export function fieldsOf(fields: object): string {
  return Object.entries(fields).map(([name, value]) => `${name}=${plain(value)}`).join(' ');
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : JSON.stringify(value);
}

function timeOf(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

function span(ms: number): string {
  if (Math.abs(ms) < 1_000) return `${Math.round(ms)} ms`;
  return Math.abs(ms) < 120_000 ? `${(ms / 1_000).toFixed(2)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

/** Styles end with the line. */
function cut(line: string, columns: number): string {
  const text = stripVTControlCharacters(line);
  return text.length <= columns ? line : `${text.slice(0, columns - 1)}…`;
}
