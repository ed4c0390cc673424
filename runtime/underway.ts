/** Work that is under way, counted: whoever waits for its end is told when none is left. */
export class Underway {
  #count = 0;
  #none: PromiseWithResolvers<void> | undefined;

  begin(): void {
    this.#count += 1;
  }

  readonly end = (): void => {
    if (--this.#count > 0) return;
    this.#none?.resolve();
    this.#none = undefined;
  };

  /** Resolves when nothing is under way, nor was begun meanwhile. */
  async none(): Promise<void> {
    while (this.#count > 0) await (this.#none ??= Promise.withResolvers<void>()).promise;
  }
}
