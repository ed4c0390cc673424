/** Why something a source said is not taken: always with the field and the value, and the mapping's expression if any. */

/**
 * `malformed`: only a corrected message helps. `unmapped`: the message may be right, and a table of the mapping does
 * not know a name in it yet; once it does, the same message can be read again.
 */
export type RefusalClass = 'malformed' | 'unmapped';

/** A source message, or one row of it, that is not taken. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
  readonly field: string;
  /** As it came where it is plain, else its beginning as text: it is stored with the dead letter. */
  readonly value: unknown;
  readonly class: RefusalClass;
  /** The mapping's own words that gave the value. */
  readonly expression: string | undefined;

  constructor(field: string, value: unknown, reason: string, more: { class?: RefusalClass; expression?: string | undefined } = {}) {
    const shown = beginningOf(value);
    super(`${field === '' ? 'message' : field}: ${reason}, got ${shown}${more.expression === undefined ? '' : ` from ${briefly(more.expression)}`}`);
    this.field = field;
    this.value = (typeof value === 'object' && value !== null) || typeof value === 'function' || typeof value === 'string' && value.length > shownMax ? shown : value;
    this.class = more.class ?? 'malformed';
    this.expression = more.expression;
  }
}

const shownMax = 120;

function briefly(expression: string): string {
  const line = expression.replaceAll(/\s+/g, ' ').trim();
  return line.length > shownMax ? `${line.slice(0, shownMax)}…` : line;
}

function beginningOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  // Infinity, which is how 1e309 reads, would be null.
  if (typeof value === 'number') return String(value);
  let shown: string | undefined;
  try {
    shown = JSON.stringify(typeof value === 'string' ? value.slice(0, shownMax + 1) : value);
  } catch {
    return 'something nested too deep to be shown';
  }
  if (shown === undefined) return `a ${typeof value}`;
  return shown.length > shownMax ? `${shown.slice(0, shownMax)}…` : shown;
}
