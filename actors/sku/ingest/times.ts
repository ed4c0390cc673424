/** Functions that mappings may call on the source's own times and log positions. They refuse what they cannot read exactly. */
import { MalformedError } from './refusal.ts';

const dayMs = 86_400_000;
const iso = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(?:(Z)|([+-])(\d\d):?(\d\d))$/;

/** What a registered JSONata function is called with. */
interface Focus { environment: { lookup(name: string): unknown } }

/**
 * `$ms(text)`: a time as epoch ms, finer digits cut off. With `$instant`, refuses a time without an offset, one that no
 * calendar has, and one that lies more than a day after the message came: as a position it would outrank everything
 * that is said until then.
 */
export function ms(this: Focus, text: unknown): number | undefined {
  return read(text, this)?.[0];
}

/** `$instant(text)`: a time as a position, `[epoch ms, nanoseconds within it]`: sources differ in how many digits they write. */
export function instant(this: Focus, text: unknown): [ms: number, ns: number] | undefined {
  return read(text, this);
}

/** `$lsn(text)`: a PostgreSQL log position, `16/B374D848` or a number, as `[high, low]` words of 32 bits. */
export function lsn(this: Focus, text: unknown): [high: number, low: number] | undefined {
  if (text === undefined || text === null) return undefined;
  if (typeof text === 'number' && Number.isSafeInteger(text) && text >= 0) return [Math.floor(text / 2 ** 32), text % 2 ** 32];
  const [, high, low] = typeof text === 'string' ? /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [] : [];
  if (high === undefined || low === undefined) throw new MalformedError('', text, 'is no log position');
  return [Number.parseInt(high, 16), Number.parseInt(low, 16)];
}

function read(text: unknown, focus: Focus): [ms: number, ns: number] | undefined {
  if (text === undefined || text === null || text === '') return undefined;
  const parts = typeof text === 'string' ? iso.exec(text) : null;
  if (!parts) throw new MalformedError('', text, 'is no time with a date and an offset (2026-01-05T09:00:00Z)');
  const [, year, month, day, hour, minute, second = '0', fraction = '', , sign, hours = '0', minutes = '0'] = parts;
  const fields = [year, month, day, hour, minute, second].map(Number) as [number, number, number, number, number, number];
  const local = Date.UTC(fields[0], fields[1] - 1, ...fields.slice(2) as [number, number, number, number]);
  const back = new Date(local);
  const exists = [back.getUTCFullYear(), back.getUTCMonth() + 1, back.getUTCDate(), back.getUTCHours(), back.getUTCMinutes(), back.getUTCSeconds()].every((part, i) => part === fields[i]);
  if (!exists || Number(hours) > 14 || Number(minutes) > 59) throw new MalformedError('', text, 'is a time that does not exist');
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const nanoseconds = Number(fraction.padEnd(9, '0'));
  const at = local - offset + Math.floor(nanoseconds / 1_000_000);
  const { at: arrived } = focus.environment.lookup('message') as { at: number };
  if (at > arrived + dayMs) throw new MalformedError('', text, 'lies more than a day after the message came');
  return [at, nanoseconds % 1_000_000];
}
