/**
 * JSONata under limits: compiled once, and the same on every run. An expression has no clock and no randomness, and a
 * budget of steps instead of seconds, so that a slow machine never refuses what a fast one takes.
 */
import jsonata from 'jsonata';
import type { ExprNode } from 'jsonata';
import { MalformedError } from './refusal.ts';
import { instant, lsn, ms } from './times.ts';
import { pairs } from './x12.ts';

/** A mapping's expression is wrong in itself. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** What expressions see besides their row, as `$payload`, `$params` and `$message`. */
export interface Bindings {
  /** The whole message, decoded. */
  payload: unknown;
  params: Readonly<Record<string, unknown>>;
  message: MessageFacts;
}

/** What is known of a message besides what it says. */
export interface MessageFacts {
  /** Its place in the ingest journal: the order of arrival. */
  seq: number;
  /** When the journal took it, epoch ms. */
  at: number;
  /** Characters. */
  length: number;
  id?: string;
  /** The door's own position, e.g. a log sequence number. */
  position?: unknown;
  door?: string;
  contentType?: string;
}

export interface Expression {
  readonly text: string;
  /**
   * A value, or a promise of one: only expressions that are more than a path need JSONata.
   *
   * @param field what the value is for, named by a refusal
   * @throws {MalformedError} rejects with it too
   */
  evaluate(field: string, input: unknown, bindings: Bindings): unknown;
}

const depthMax = 300;
const sequenceMax = 1_000_000;
/** Steps that all evaluations of one message may take, and for each of its characters: some expressions read all of it. */
const stepsMax = 200_000;
const stepsPerCharacter = 40;
/** Others are let work after so many. */
const stepsAtOnce = 20_000;
const beforeEachStep = Symbol.for('jsonata.__evaluate_entry');

/** They would make two readings of one message differ, or run text that came with it. */
const forbidden = new Set(['now', 'millis', 'random', 'shuffle', 'eval']);

/** @throws {ExpressionError} naming the place in the expression */
export function compile(text: string): Expression {
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(text, { stack: depthMax, sequence: sequenceMax });
  } catch (error) {
    const { message, position } = error as jsonata.JsonataError;
    throw new ExpressionError(`${message} (at character ${position} of ${text.trim()})`);
  }
  const never = variablesOf(compiled.ast()).find(name => forbidden.has(name));
  if (never !== undefined) throw new ExpressionError(`$${never} reads no message twice alike and is not allowed (in ${text.trim()})`);
  compiled.registerFunction('ms', ms);
  compiled.registerFunction('instant', instant);
  compiled.registerFunction('lsn', lsn);
  compiled.registerFunction('pairs', pairs);
  compiled.assign(beforeEachStep as unknown as string, spend);
  const path = pathOf(compiled.ast());
  return {
    text,
    evaluate(field, input, bindings) {
      const found = path === undefined ? unknown : walk(path, input, bindings);
      return found === unknown ? evaluate(compiled, text, field, input, bindings) : found;
    },
  };
}

async function evaluate(compiled: jsonata.Expression, text: string, field: string, input: unknown, bindings: Bindings): Promise<unknown> {
  try {
    const value: unknown = await compiled.evaluate(input, bindings as never);
    // JSONata's own arrays carry marks that no other array has.
    return Array.isArray(value) ? [...value as unknown[]] : value;
  } catch (error) {
    if (error instanceof MalformedError) throw new MalformedError(field, error.value, error.message.slice('message: '.length).replace(/, got .*$/s, ''), { expression: text });
    const { message, value = input } = error as { message?: string; value?: unknown };
    throw new MalformedError(field, value, `cannot be read (${message ?? String(error)})`, { expression: text });
  }
}

interface Budget { left: number; pause: (() => Promise<void>) | undefined }

/** By message, which all of its rows and their expressions share. */
const budgets = new WeakMap<MessageFacts, Budget>();

/** What is read of a message from now on lets others work, from time to time. */
export function pauseFor(message: MessageFacts, pause: (() => Promise<void>) | undefined): void {
  budgetOf(message).pause = pause;
}

function budgetOf(message: MessageFacts): Budget {
  let budget = budgets.get(message);
  if (!budget) budgets.set(message, budget = { left: stepsMax + stepsPerCharacter * message.length, pause: undefined });
  return budget;
}

interface Base { budget?: Budget; lookup(name: string): unknown }

/** Called and awaited before every step of an evaluation. */
function spend(_step: unknown, _input: unknown, { base }: { base: Base }): Promise<void> | undefined {
  const budget = base.budget ??= budgetOf(base.lookup('message') as MessageFacts);
  budget.left -= 1;
  if (budget.left < 0) throw new Error('too many steps: does it ever end?');
  return budget.pause && budget.left % stepsAtOnce === 0 ? budget.pause() : undefined;
}

/** Names of the variables in an expression's tree, wherever they stand in it. */
function variablesOf(ast: ExprNode): string[] {
  const found: string[] = [];
  const open: unknown[] = [ast];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (typeof node !== 'object' || node === null) continue;
    const { type, value } = node as ExprNode;
    if (type === 'variable' && typeof value === 'string') found.push(value);
    open.push(...Object.values(node));
  }
  return found;
}

/** Not found this way; JSONata knows. */
const unknown = Symbol('unknown');

interface Path { start: string | undefined; names: string[] }

/** `a.b.c` or `$message.seq`, which need no interpreter. */
function pathOf(ast: ExprNode): Path | undefined {
  const steps = ast.steps ?? [ast];
  const plain = steps.every(step => (step.type === 'name' || step.type === 'variable') && Object.keys(step).every(key => ['type', 'value', 'position', 'nextFunction'].includes(key)));
  if (!plain || Object.keys(ast).some(key => !['type', 'steps', 'value', 'position'].includes(key))) return undefined;
  const [first, ...rest] = steps as [ExprNode, ...ExprNode[]];
  if (rest.some(step => step.type !== 'name')) return undefined;
  const names = rest.map(step => String(step.value));
  return first.type === 'name' ? { start: undefined, names: [String(first.value), ...names] } : { start: String(first.value), names };
}

function walk({ start, names }: Path, input: unknown, bindings: Bindings): unknown {
  let at = start === undefined || start === '' || start === '$' ? input : Object.hasOwn(bindings, start) ? bindings[start as keyof Bindings] : unknown;
  for (const name of names) {
    if (at === unknown || Array.isArray(at)) return unknown;
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return Array.isArray(at) && names.length > 0 ? unknown : at;
}
