/**
 * One HTTP exchange with a vendor: timeouts on every phase, connections reused, never repeated, always recorded.
 * Shared by the adapters; what a status or body means is theirs to say.
 */
import { gunzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import type { Call } from '../adapter.ts';
import { AmbiguousError, RetryableError } from '../../errors.ts';

export interface Ask {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, already percent-encoded. */
  path: string;
  headers?: Record<string, string>;
  /** A string is sent as it is; anything else as JSON. */
  body?: unknown;
  /** True where a repeat or a lost answer changes nothing at the vendor (GET, a token call). */
  safe?: boolean;
  /** The answer's body is packed, and no header says so: a stored document. */
  gzip?: boolean;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** The body as it came. */
  text: string;
  /** The body as JSON, or undefined where it is none (HTML from an edge, an empty 204). */
  json: unknown;
}

const agent = new Agent({
  connect: { timeout: 3_000 },
  headersTimeout: 15_000,
  bodyTimeout: 15_000,
  keepAliveTimeout: 10_000,
  connections: 32,
  pipelining: 1,
});

/** Errors that undici raises before one byte of the request can have reached the vendor. */
const notSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * Sends one request and reads the whole answer.
 *
 * @throws {RetryableError} when it certainly did not reach the vendor, or `ask.safe` makes that irrelevant
 * @throws {AmbiguousError} when it may have reached the vendor and the answer is lost
 */
export async function exchange(origin: string, ask: Ask, call: Call, requestIdHeader: string, now: () => number): Promise<Answer> {
  const began = now();
  const body = ask.body === undefined ? null : typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body);
  const record = { method: ask.method, path: ask.path, ...(body !== null && { request: body.slice(0, 2000) }) };
  try {
    const response = await request(origin + ask.path, {
      method: ask.method,
      headers: ask.headers ?? {},
      body,
      signal: call.signal,
      dispatcher: agent,
    });
    const text = ask.gzip && response.statusCode === 200 ? gunzipSync(await response.body.bytes()).toString() : await response.body.text();
    const headers = flatten(response.headers);
    const requestId = headers[requestIdHeader.toLowerCase()];
    call.onExchange?.({
      ...record,
      status: response.statusCode,
      ms: now() - began,
      ...(requestId !== undefined && { requestId }),
      response: text.slice(0, 2000),
    });
    return { status: response.statusCode, headers, text, json: parse(text) };
  } catch (cause) {
    // A DOMException (the deadline) has a number for a code: there the name tells.
    const { code: given, name } = cause as Error & { code?: unknown };
    const code = typeof given === 'string' ? given : name;
    call.onExchange?.({ ...record, status: undefined, ms: now() - began, error: `${code}: ${(cause as Error).message}` });
    const message = `${ask.method} ${ask.path}: no answer (${code})`;
    throw ask.safe === true || ask.method === 'GET' || notSent.has(code)
      ? new RetryableError(message, { code, cause })
      : new AmbiguousError(message, { code, cause });
  }
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]]),
  );
}
