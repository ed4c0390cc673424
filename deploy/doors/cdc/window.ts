/**
 * What was read from the slot and is not yet in the journal. A transaction counts as stored when all its changes are,
 * and only in the order of commits: up to there, and no further, PostgreSQL may forget.
 */

interface Transaction { open: number; end: bigint | undefined }

export class Window {
  readonly #most: number;
  readonly #transactions: Transaction[] = [];
  #open = 0;
  #stored: bigint;
  #room: (() => void) | undefined;

  /**
   * @param stored the LSN up to which everything is stored already
   * @param most changes under way at the same time
   */
  constructor(stored: bigint, most: number) {
    this.#stored = stored;
    this.#most = most;
  }

  /** Everything before this LSN is in the journal. */
  get stored(): bigint {
    return this.#stored;
  }

  get isEmpty(): boolean {
    return this.#transactions.length === 0;
  }

  begin(): void {
    this.#transactions.push({ open: 0, end: undefined });
  }

  /** @returns a promise to wait for where there is no room for more */
  add(storing: Promise<unknown>): Promise<void> | undefined {
    const transaction = this.#transactions.at(-1)!;
    transaction.open += 1;
    this.#open += 1;
    // One that ends otherwise is never stored: everything behind it is read again.
    storing.then(() => {
      transaction.open -= 1;
      this.#open -= 1;
      this.#advance();
    }, () => undefined);
    return this.#open < this.#most ? undefined : new Promise(resolve => { this.#room = resolve; });
  }

  /** @param end LSN behind the commit */
  commit(end: bigint): void {
    this.#transactions.at(-1)!.end = end;
    this.#advance();
  }

  /** The log went on to there with nothing for us in it. Only where nothing is under way. */
  skip(to: bigint): void {
    if (this.isEmpty && to > this.#stored) this.#stored = to;
  }

  /** Nobody waits for room any more. */
  close(): void {
    this.#room?.();
  }

  #advance(): void {
    for (let first = this.#transactions[0]; first?.end !== undefined && first.open === 0; first = this.#transactions[0]) {
      this.#stored = first.end;
      this.#transactions.shift();
    }
    if (this.#open >= this.#most / 2) return;
    this.#room?.();
    this.#room = undefined;
  }
}
