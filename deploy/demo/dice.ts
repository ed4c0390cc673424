/** Chance that repeats: every draw of the demo comes from a seed, one stream of draws for each purpose. */

/** Draws numbers; the same seed and purpose give the same ones. Splitmix32: small and even, not for secrets. */
export class Dice {
  #state: number;

  /** @param purpose keeps streams apart, so that a draw more in one leaves the others as they were */
  constructor(seed: number, purpose: string) {
    this.#state = (hash(purpose) ^ Math.imul(seed, 0x9e3779b9)) >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** True in `share` of all draws, 0..1. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  /** Ends low mostly and far out rarely: P(x >= k) = k^-alpha, from 1 up to `most`. */
  longTail(alpha: number, most: number): number {
    return Math.min(most, Math.floor((1 - this.next()) ** (-1 / alpha)));
  }
}

/** FNV-1a, 32 bits, of the UTF-16 units. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) value = Math.imul(value ^ text.charCodeAt(n), 0x01000193);
  return value >>> 0;
}
