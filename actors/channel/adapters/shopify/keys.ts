/**
 * Idempotency keys of write calls.
 *
 * A key names an intended change, so it is made from the signatures of the entries and from nothing else: A to B to A
 * is three changes with three keys, although two of them set the same quantity. Shopify takes one key for a whole call.
 * How far an entry is protected against being applied twice therefore depends on how it is sent again:
 *
 * - The same entries, in any order (calls are sorted by signature): same key, same variables, first result.
 * - In another company: another key. `changeFromQuantity` then decides: where the first call was applied, the second
 *   finds another quantity and is a conflict. The one gap is a first call that was applied and lost its answer while
 *   sales brought the quantity back to exactly what it was before. Repeating the same entries closes it, and so does
 *   `writeBatch: 1`, where each entry has its own key whatever the caller does.
 * - The same signatures with other variables (a caller that read again and kept its signature): the vendor refuses the
 *   key. Such a key is spent, like every key that was answered with userErrors (a failed attempt stays failed under its
 *   key); the entries' next call has a fresh one, so a refusal is met once per process and never in a loop.
 */
import { createHash } from 'node:crypto';

const spentMax = 50_000;

export class Keys {
  /** How many keys an entry has used up, by signature; forgetting one costs one refused call. */
  readonly #spent = new Map<string, number>();

  /** A UUID (version 8, RFC 9562) for entries with these signatures, in this order. */
  of(signatures: readonly string[]): string {
    const names = signatures.map(signature => [signature, this.#spent.get(signature) ?? 0]);
    const bytes = createHash('sha256').update(JSON.stringify(names)).digest();
    bytes[6] = (bytes[6]! & 0x0f) | 0x80;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  /** The key of these entries was answered for good, and not with success. */
  spend(signatures: readonly string[]): void {
    for (const signature of signatures) {
      const spent = this.#spent.get(signature) ?? 0;
      this.#spent.delete(signature);
      this.#spent.set(signature, spent + 1);
    }
    for (const oldest of this.#spent.keys()) {
      if (this.#spent.size <= spentMax) break;
      this.#spent.delete(oldest);
    }
  }
}
