/** What Walmart's headers say about rate: tokens left, and when to come back. */

const defaultWaitMs = 60_000;
const longestWaitMs = 300_000;

type Headers = Record<string, string>;

/** Calls left in the bucket of the operation just used, where the answer tells. */
export function tokensLeft(headers: Headers): number | undefined {
  const count = headers['x-current-token-count'];
  return count !== undefined && /^\d+$/.test(count) ? Number(count) : undefined;
}

/**
 * How long to stay away after a refusal, ms: `Retry-After`, then the replenish time, then a minute; at most five.
 * A duration is divided by `timeScale` (a sandbox with a fast clock); an instant is an instant.
 */
export function waitMs(headers: Headers, now: number, timeScale: number): number {
  const wish = retryAfterMs(headers, now, timeScale) ?? replenishMs(headers, now) ?? defaultWaitMs / timeScale;
  return Math.min(wish, longestWaitMs / timeScale);
}

/** Ms until the bucket is filled up again; the header has two names, and its value is epoch ms or ISO 8601. */
export function replenishMs(headers: Headers, now: number): number | undefined {
  return ahead(headers['x-next-replenish-time'] ?? headers['x-next-replenishment-time'], now);
}

function retryAfterMs(headers: Headers, now: number, timeScale: number): number | undefined {
  const value = headers['retry-after'];
  if (value !== undefined && /^\d+$/.test(value)) return Number(value) * 1000 / timeScale;
  return ahead(value, now);
}

/** Ms until an instant still to come; one in the past, or none, says nothing. */
function ahead(value: string | undefined, now: number): number | undefined {
  const at = value === undefined ? NaN : /^\d+$/.test(value) ? Number(value) : Date.parse(value);
  return at > now ? at - now : undefined;
}
