/**
 * How much a node does at once: turns in work, and messages read ahead of them. While the node keeps up, every turn
 * begins at once; while it does not, what waits for a key gathers into one turn, one record and one job.
 */

export interface PaceLimits {
  /** Turns in work, over all partitions. */
  turns: number;
  /** Messages read and not yet applied, over all partitions. */
  ahead: number;
}

const defaults: PaceLimits = { turns: 256, ahead: 100_000 };

export class Pace {
  readonly #limits: PaceLimits;
  #working = 0;
  /** Turns that wait, in the order asked for; from `#head` on. */
  #waiting: (() => Promise<void>)[] = [];
  #head = 0;
  #ahead = 0;
  #resume: (() => void) | undefined;
  #room: Promise<void> | undefined;

  constructor(limits: PaceLimits = defaults) {
    this.#limits = limits;
  }

  /** Messages read and not yet applied. */
  get ahead(): number {
    return this.#ahead;
  }

  read(messages: number): void {
    this.#ahead += messages;
  }

  applied(messages: number): void {
    this.#ahead -= messages;
    if (!this.#resume || this.#ahead > this.#limits.ahead / 2) return;
    this.#resume();
    this.#resume = this.#room = undefined;
  }

  /** Undefined while more may be read; else resolves when it may. */
  room(): Promise<void> | undefined {
    if (this.#ahead < this.#limits.ahead) return undefined;
    return this.#room ??= new Promise(resolve => { this.#resume = resolve; });
  }

  /** Begins a turn now, or when those asked for before it have begun and one of them has ended. It must not reject. */
  begin(turn: () => Promise<void>): void {
    if (this.#working < this.#limits.turns) this.#run(turn);
    else this.#waiting.push(turn);
  }

  #run(turn: () => Promise<void>): void {
    this.#working += 1;
    void turn().then(this.#ended);
  }

  readonly #ended = (): void => {
    this.#working -= 1;
    const next = this.#waiting[this.#head];
    if (!next) return;
    this.#waiting[this.#head++] = undefined as never;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head > 4_096) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    this.#run(next);
  };
}
