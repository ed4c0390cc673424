/** Waits until a SKU's record, as it was told here, has applied everything that the SKU's journal holds. */
import { lastMessage } from './last-message.ts';
import type { Publisher } from './publisher.ts';
import { skuSubject, streams } from './subjects.ts';

interface AppliedPorts {
  publisher: Publisher;
  /** Sequence that the SKU's record had applied when it was last told. */
  appliedOf(sku: string): number;
  /** Nobody waits any more. */
  stopped: Promise<void>;
}

/** A record that has not applied its journal within this is judged another time, ms. */
const withinMs = 5_000;

export class Applied {
  readonly #p: AppliedPorts;
  /** Who waits for a record to have applied so much. */
  readonly #waiting = new Map<string, { seq: number; resolve(): void }[]>();

  constructor(ports: AppliedPorts) {
    this.#p = ports;
  }

  /** A record was told. */
  note(sku: string, applied: number): void {
    const waiting = this.#waiting.get(sku);
    if (!waiting) return;
    for (const { seq, resolve } of waiting) if (seq <= applied) resolve();
    const left = waiting.filter(({ seq }) => seq > applied);
    if (left.length > 0) this.#waiting.set(sku, left);
    else this.#waiting.delete(sku);
  }

  /** True as soon as the record has applied its journal so far; false when that takes too long. */
  async all(sku: string): Promise<boolean> {
    const seq = (await lastMessage(this.#p.publisher, streams.sku, skuSubject(sku)))?.seq ?? 0;
    const reached = (): boolean => this.#p.appliedOf(sku) >= seq;
    if (reached()) return true;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      this.#p.stopped,
      new Promise<void>(resolve => {
        this.#waiting.set(sku, [...this.#waiting.get(sku) ?? [], { seq, resolve }]);
        timer = setTimeout(resolve, withinMs);
      }),
    ]);
    clearTimeout(timer);
    return reached();
  }
}
