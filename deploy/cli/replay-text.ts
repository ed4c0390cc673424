/** A replay as people read it: one fact a paragraph, with what it changed and what was decided. */
import { styleText } from 'node:util';
import { stringify } from 'yaml';
import type { Intent, Rule, Stock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import type { ActorRecord, PublishEffect } from '../../runtime/actor.ts';
import { differences } from '../../runtime/replay.ts';
import type { Difference, Step } from '../../runtime/replay.ts';
import { partitionOf } from '../../runtime/subjects.ts';
import type { Incident } from '../replay.ts';

interface Decision { account: string; intent: Intent; rule: Rule }

export function headLines({ sku, messages, settings }: Incident): string[] {
  const [first, last] = [messages[0], messages.at(-1)];
  const span = first && last ? `, ${timeOf(first.at)} to ${timeOf(last.at)}` : '';
  const changes = settings.filter(({ at }) => first !== undefined && at > first.at && at <= last!.at);
  return [
    styleText('bold', `SKU ${JSON.stringify(sku)}, partition ${partitionOf(sku)}: ${messages.length} facts${span}`),
    ...changes.map(({ at }) => `settings changed at ${timeOf(at)}: facts near that time may have been folded under the former ones`),
    '',
  ];
}

export function stepLines(step: Step<Stock>, withDiff: boolean): string[] {
  const { message, before, after, effects, leftOut, poison } = step;
  const { type = '?', ...fields } = (message.body ?? {}) as { type?: string };
  const head = `${styleText('bold', `#${message.seq}`)}  ${timeOf(message.at)}  ${styleText('cyan', type)}  ${fieldsOf(fields)}`;
  if (leftOut) return [head, '      left out when a person released the SKU', ''];
  if (poison) return [head, styleText('red', `      ${poison.message}`), ''];
  if (message.seq <= before.applied) return [head, '      already applied', ''];
  const changes = `${arrow(stateOf(before), stateOf(after))}   available ${arrow(availableOf(before), availableOf(after))}`;
  return [
    head,
    `      ${changes}`,
    ...decisions(before, after).map(decision => `      ${decisionText(decision)}`),
    ...effects.map(effect => `      ${effectText(effect)}`),
    ...withDiff ? differences(before.context, after.context).map(change => `        ${changeText(change, 'was', 'is')}`) : [],
    '',
  ];
}

/** The same for scripts. */
export function stepJson(step: Step<Stock>, withDiff: boolean): object {
  const { message: { seq, at, correlation, body }, before, after, effects, leftOut, poison } = step;
  return {
    seq, at: timeOf(at), correlation, fact: body,
    before: { state: before.state, available: known(before.context) ?? null },
    after: { state: after.state, available: known(after.context) ?? null },
    decided: decisions(before, after),
    effects,
    ...(leftOut && { leftOut }),
    ...(poison && { poison: poison.message }),
    ...(withDiff && { changes: differences(before.context, after.context) }),
  };
}

/** The whole state, as YAML. */
export function stateLines(record: ActorRecord<Stock>): string[] {
  return [styleText('bold', `the state behind #${record.applied}`), ...stringify({ state: record.state, available: known(record.context) ?? null, ...record.context, due: record.due }).trimEnd().split('\n')];
}

/** @param compared undefined when there is no record, or none of the messages replayed is the last that it has applied */
export function endLines({ messages, record }: Incident, compared: readonly Difference[] | undefined): string[] {
  if (!record) return [styleText('yellow', 'no record is stored: nothing of this journal has been applied')];
  const waiting = messages.filter(({ seq }) => seq > record.applied).length;
  return [
    ...record.quarantined ? [styleText('red', `quarantined at #${record.quarantined.seq}: ${record.quarantined.error}`)] : [],
    ...waiting > 0 ? [`${waiting} facts behind #${record.applied} are not in the record yet`] : [],
    ...compared === undefined ? []
      : compared.length === 0 ? [styleText('green', `the stored record is the fold of its journal up to #${record.applied}`)]
      : [styleText('red', `the stored record and the fold part at #${record.applied}:`), ...compared.map(change => `  ${changeText(change, 'stored', 'folded')}`)],
  ];
}

/** What this step decided that was not decided before it. */
function decisions(before: ActorRecord<Stock>, after: ActorRecord<Stock>): Decision[] {
  return Object.entries(after.context.outlets).flatMap(([account, { intent, rule }]) =>
    (intent && intent.signature !== before.context.outlets[account]?.intent?.signature ? [{ account, intent, rule }] : []));
}

function decisionText({ account, intent: { quantity, kind, lane, signature }, rule }: Decision): string {
  return `${account}: show ${styleText('bold', String(quantity))} (${kind === lane ? kind : `${kind}, ${lane}`}; rule ${fieldsOf(rule)})  ${styleText('dim', signature)}`;
}

function effectText({ to, body }: PublishEffect): string {
  const { message } = body as { message?: string };
  return styleText('yellow', `→ ${to.join('.')}${message === undefined ? '' : `: ${message}`}`);
}

function changeText({ path, stored, folded }: Difference, first: string, second: string): string {
  return `${path}: ${first} ${shown(stored)}, ${second} ${shown(folded)}`;
}

function fieldsOf(fields: object): string {
  return Object.entries(fields).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ');
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

function arrow(before: string, after: string): string {
  return before === after ? after : `${before} → ${styleText('bold', after)}`;
}

function stateOf({ state }: ActorRecord<Stock>): string {
  return typeof state === 'string' ? state : JSON.stringify(state);
}

function availableOf({ context }: ActorRecord<Stock>): string {
  return String(known(context) ?? 'unknown');
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
