/** Query parameters as Amazon reads them: lists comma-delimited, dates in ISO 8601, a bad value is 400 InvalidInput. */
import { badRequest } from './answers.ts';

export type Query = Record<string, string | string[] | undefined>;

export function text(query: Query, name: string): string | undefined {
  const value = query[name];
  if (Array.isArray(value)) throw badRequest(`${name} was given more than once.`);
  return value === '' ? undefined : value;
}

export function list(query: Query, name: string, allowed?: readonly string[]): string[] | undefined {
  const values = text(query, name)?.split(',');
  const odd = allowed && values?.find(v => !allowed.includes(v));
  if (odd !== undefined) throw badRequest(`Value '${odd}' of ${name} is not one of ${allowed!.join(', ')}.`);
  return values;
}

/** Epoch ms. */
export function instant(query: Query, name: string): number | undefined {
  const value = text(query, name);
  if (value === undefined) return undefined;
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(at)) throw badRequest(`Value '${value}' of ${name} is not an ISO 8601 date-time.`);
  return at;
}

export function whole(query: Query, name: string, max: number, otherwise: number): number {
  const value = text(query, name);
  if (value === undefined) return otherwise;
  if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > max) throw badRequest(`Value '${value}' of ${name} is not between 1 and ${max}.`);
  return Number(value);
}

/** All parameters but `free`, which alone may change from page to page; a page token belongs to the others. */
export function sameness(query: Query, free: readonly string[]): string {
  return JSON.stringify(Object.entries(query).filter(([name]) => !free.includes(name)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Opaque to the client, as the vendor's. */
export function sealed(content: unknown): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

export function opened<T>(token: string, name: string): T {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as T;
  } catch {
    throw badRequest(`Value of ${name} is not valid.`);
  }
}
