/**
 * Notices a second master: listings of an account that went live change again and again, to numbers that we did not write
 * and no order explains. One edit is somebody's hand; several within an hour are another tool that still writes.
 */
import type { Finding } from '../../actors/reconciler/protocol.ts';
import type { Desk } from './ports.ts';

const windowMs = 3_600_000;
/** Listings within the window. */
const least = 3;
const lookEveryMs = 60_000;
const letter = 'second-master';
const samples = 5;

export class SecondMaster {
  readonly #desk: Desk;
  /** The last edit of each listing. */
  readonly #edits = new Map<string, { at: number; expected: number; observed: number }>();
  #timer: NodeJS.Timeout | undefined;
  readonly #since = Date.now();
  #isOver = false;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(Date.now()), lookEveryMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Something was found that a channel shows. Where nobody has decided to go live, nobody has a former tool to switch off. */
  told({ class: kind, sku, expected, observed, detectedAt }: Finding): void {
    if (kind !== 'foreign-edit' || !this.#desk.stage.decided) return;
    this.#edits.delete(sku);
    this.#edits.set(sku, { at: detectedAt, expected, observed });
    this.#look(detectedAt);
  }

  #look(now: number): void {
    const { journal, ports: { account } } = this.#desk;
    for (const [sku, { at }] of this.#edits) if (now - at > windowMs) this.#edits.delete(sku);
    if (this.#edits.size >= least) {
      this.#isOver = false;
      const named = [...this.#edits].slice(-samples).map(([sku, { expected, observed }]) => `${sku} ${expected}→${observed}`).join(', ');
      journal.dead({
        class: letter, sku: account, code: 'edits',
        message: `${this.#edits.size} listings at ${account} were changed by somebody else within an hour, to numbers that no order explains: ${named}`,
        heals: `switching off what else writes to ${account}, or plumb shadow start ${account} until it is; over after an hour without`,
      });
    }
    // A former owner may have told of it.
    if (this.#edits.size === 0 && !this.#isOver && now - this.#since > windowMs) {
      this.#isOver = true;
      journal.healed(letter, account, 'an hour in which nobody else changed a listing');
    }
  }
}
