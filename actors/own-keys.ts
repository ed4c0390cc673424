/** Records keyed by strings from outside: `__proto__` and `constructor` are keys like any other. */

export function lookup<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Sets a key in place. */
export function put<T>(map: Record<string, T>, key: string, value: T): void {
  // The one key that assigning does not set.
  if (key === '__proto__') Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
  else map[key] = value;
}

/** In one order, whatever order they came in: what follows from them must not depend on where they were stored. */
export function inOrder<T>(map: Readonly<Record<string, T>>): [key: string, value: T][] {
  const entries = Object.entries(map);
  for (let n = 1; n < entries.length; n++) if (entries[n - 1]![0] > entries[n]![0]) return entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return entries;
}

/** A copy without these keys, or the map itself where it has none of them. */
export function without<T>(map: Record<string, T>, ...keys: string[]): Record<string, T> {
  if (!keys.some(key => Object.hasOwn(map, key))) return map;
  const rest = { ...map };
  for (const key of keys) delete rest[key];
  return rest;
}
