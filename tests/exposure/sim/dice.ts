/**
 * Chance by name: one seed and the name of a decision decide it, so that leaving one stimulus or fault out moves no
 * other. What came true is remembered, and can be forbidden in a second run: that is how a schedule is shrunk.
 */
export class Dice {
  /** Names of what came true, in order. */
  readonly fired: string[] = [];
  readonly #seed: number;
  readonly #muted: ReadonlySet<string>;

  constructor(seed: number, muted: ReadonlySet<string> = new Set()) {
    this.#seed = seed;
    this.#muted = muted;
  }

  /** Whether it happens, with this probability. */
  happens(name: string, probability: number): boolean {
    if (probability <= 0 || this.#fraction(name) >= probability || this.#muted.has(name)) return false;
    this.fired.push(name);
    return true;
  }

  /** From `low` to `high`, both included. */
  whole(name: string, low: number, high: number): number {
    return low + Math.floor(this.#fraction(`${name}=`) * (high - low + 1));
  }

  pick<T>(name: string, from: readonly T[]): T {
    return from[this.whole(name, 0, from.length - 1)]!;
  }

  /** FNV-1a over the name, then murmur3's finalizer: uniform in [0, 1). */
  #fraction(name: string): number {
    let hash = 0x811c9dc5 ^ this.#seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    hash ^= this.#seed >>> 3;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
  }
}
