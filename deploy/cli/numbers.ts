/** Readers of numeric flags; a wrong value is a usage error that names the flag. */
import { InvalidArgumentError } from 'commander';

export interface Bounds {
  least?: number;
  most?: number;
  whole?: boolean;
}

export function number({ least = -Infinity, most = Infinity, whole = false }: Bounds): (text: string) => number {
  return text => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most && (!whole || Number.isSafeInteger(value))) return value;
    const kind = whole ? 'whole number' : 'number';
    const range = Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`;
    throw new InvalidArgumentError(`It must be a ${kind} ${range}.`);
  };
}
