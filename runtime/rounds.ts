/** What many parts of a node look after now and then: one timer for all of them. */

/** @returns whether there was anything to do */
export type Look = () => boolean;

export class Rounds {
  readonly #everyMs: number;
  readonly #looks = new Set<Look>();
  #timer: NodeJS.Timeout | undefined;
  #isUnderWay = false;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Looks every so often from then on. @returns ends that */
  join(look: Look): () => void {
    this.#looks.add(look);
    this.#timer ??= setInterval(() => { void this.#go(); }, this.#everyMs).unref();
    return () => {
      this.#looks.delete(look);
      if (this.#looks.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Who has something to do takes time: everybody else gets a turn before the next one. */
  async #go(): Promise<void> {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    for (const look of this.#looks) if (look()) await new Promise(resolve => { setImmediate(resolve); });
    this.#isUnderWay = false;
  }
}
