/** From names to row numbers in a few bytes each: a hash table that keeps no name, but asks for that of a row. */

const firstSlots = 64;
const fullest = 7 / 8;

export class NameIndex {
  readonly #nameOf: (row: number) => string;
  /** Row + 1 by hash, in the next free place where that is taken; 0 for a free one. At most seven of eight are taken. */
  #slots = new Uint32Array(firstSlots);
  /** The hash of each: a name is looked at only where that fits, and none to make room for more. */
  #hashes = new Uint32Array(firstSlots);
  #size = 0;

  constructor(nameOf: (row: number) => string) {
    this.#nameOf = nameOf;
  }

  /** -1 where no row has that name. */
  find(name: string): number {
    return this.#slots[this.#slotOf(name, hash(name))]! - 1;
  }

  /** In place of another row of that name. */
  set(name: string, row: number): void {
    const wanted = hash(name);
    const slot = this.#slotOf(name, wanted);
    if (this.#slots[slot] === 0) this.#size += 1;
    this.#slots[slot] = row + 1;
    this.#hashes[slot] = wanted;
    if (this.#size > this.#slots.length * fullest) this.#grow();
  }

  /** For a name that no row has. */
  add(name: string, row: number): void {
    this.#add(hash(name), row + 1);
    if (this.#size > this.#slots.length * fullest) this.#grow();
  }

  /** Does nothing where another row has that name by now. The row must still have it. */
  delete(name: string, row: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = this.#slotOf(name, hash(name));
    if (slots[free] !== row + 1) return;
    this.#size -= 1;
    // What stands behind it because its place was taken moves up.
    for (let next = (free + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const wanted = this.#hashes[next]! & mask;
      if (((next - wanted) & mask) < ((next - free) & mask)) continue;
      slots[free] = slots[next]!;
      this.#hashes[free] = this.#hashes[next]!;
      free = next;
    }
    slots[free] = 0;
  }

  /** Where a name stands, or would. */
  #slotOf(name: string, wanted: number): number {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = slots.length - 1;
    let slot = wanted & mask;
    while (slots[slot] !== 0 && (hashes[slot] !== wanted || this.#nameOf(slots[slot]! - 1) !== name)) slot = (slot + 1) & mask;
    return slot;
  }

  #add(wanted: number, taken: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = wanted & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = taken;
    this.#hashes[slot] = wanted;
    this.#size += 1;
  }

  #grow(): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    this.#slots = new Uint32Array(slots.length * 2);
    this.#hashes = new Uint32Array(slots.length * 2);
    this.#size = 0;
    for (let slot = 0; slot < slots.length; slot++) if (slots[slot] !== 0) this.#add(hashes[slot]!, slots[slot]!);
  }
}

/** FNV-1a over UTF-16 code units, its high bits folded in. */
function hash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}
