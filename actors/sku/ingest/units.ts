/**
 * Numbers as sources write them, read as whole units or refused. Text is a number only where a mapping says how its
 * system writes numbers; a fraction of a unit is never rounded away without being told to.
 */
import { z } from 'zod';
import { MalformedError } from './refusal.ts';

/** Beyond it a quantity is an error of the source; sums of two still fit 32 bits. */
export const unitsMax = 1_000_000_000;

/** How a system writes numbers. */
export const numberFormat = z.strictObject({
  /** Its numbers are text. Without it a text is refused, however much it looks like a number. */
  text: z.boolean().default(false),
  decimal: z.enum(['.', ',']).default('.'),
  /** Between groups of three digits, where it has one: `1,234`. Must be told, since `1.234` is either of two numbers. */
  group: z.enum(['.', ',', ' ', '\'', '\u00a0', '\u202f']).optional(),
  /** Where the sign of a number below zero stands; SAP writes `5-`. */
  minus: z.enum(['leading', 'trailing']).default('leading'),
  /** Units in one of the source's: 12 where it counts dozens. */
  factor: z.number().positive().max(1_000_000).default(1),
  /** So far from a whole unit is taken as it: columns of floating point widen 5 to 4.99999990463. */
  tolerance: z.number().min(0).max(0.01).default(0),
}).refine(({ decimal, group }) => decimal !== group, 'decimal and group are the same character');

export type NumberFormat = z.output<typeof numberFormat>;

/**
 * @param expression what gave the value, for the refusal
 * @throws {MalformedError}
 */
export function unitsOf(field: string, value: unknown, format: NumberFormat, expression?: string): number {
  if (value === undefined || value === null || value === '') throw new MalformedError(field, value, 'is missing, and missing is never zero', { expression });
  const read = typeof value === 'string' && format.text ? parse(value, format) : value;
  const refuse = (reason: string): never => { throw new MalformedError(field, value, reason, { expression }); };
  if (typeof read !== 'number') return refuse(typeof value === 'string' && !format.text ? 'is text where a number is wanted (numbers.text lets it be read)' : 'is no number');
  if (!Number.isFinite(read)) return refuse('is no finite number');
  const units = read * format.factor;
  const whole = Math.round(units);
  if (Math.abs(whole) > unitsMax) return refuse(`is more than ${unitsMax} units`);
  // A factor of its own is met by arithmetic: 0.1 of 30 is 3.0000000000000004 and means 3.
  const slack = Math.max(format.tolerance, format.factor === 1 ? 0 : Math.abs(units) * 1e-12);
  if (Math.abs(units - whole) > slack) return refuse(format.factor === 1 ? 'is no whole number of units' : `times ${format.factor} is no whole number of units`);
  return whole + 0;
}

/** @returns undefined for what is not a number written so */
function parse(text: string, { decimal, group, minus }: NumberFormat): number | undefined {
  const sign = minus === 'leading' ? text.startsWith('-') : text.endsWith('-');
  const digits = !sign ? text : minus === 'leading' ? text.slice(1) : text.slice(0, -1);
  const [whole = '', fraction, ...rest] = digits.split(decimal);
  if (rest.length > 0 || (fraction !== undefined && !/^\d{1,12}$/.test(fraction))) return undefined;
  const groups = group === undefined ? [whole] : whole.split(group);
  const grouped = groups.length === 1 ? /^\d{1,16}$/.test(whole) : /^\d{1,3}$/.test(groups[0]!) && groups.slice(1).every(part => /^\d{3}$/.test(part));
  if (!grouped) return undefined;
  const number = Number(`${groups.join('')}${fraction === undefined ? '' : `.${fraction}`}`);
  return sign ? -number : number;
}
