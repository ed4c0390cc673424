/**
 * Whether an owner was told every record that there was when it began: on those a former owner may have acted. A reader's server
 * may be behind the stream's leader, and would tell such a record later, as if it were new.
 */
import { lastMessage } from '../last-message.ts';
import { streams } from '../subjects.ts';
import type { AccountPorts } from './ports.ts';

const readAgainMs = 500;

export class Standing {
  readonly #p: Pick<AccountPorts, 'account' | 'publisher' | 'log'>;
  /** Sequence of the newest record then, by the stream's leader. */
  #newest = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(ports: Pick<AccountPorts, 'account' | 'publisher' | 'log'>) {
    this.#p = ports;
  }

  /** Before anything is read. @throws {PublishError} when the leader does not tell */
  async load(): Promise<void> {
    this.#newest = await this.#ask();
  }

  /**
   * @param seen sequence of the last record that was told, when there were no more to tell
   * @param readAgain called later where those are not all
   */
  isTold(seen: number, readAgain: () => void): boolean {
    if (seen >= this.#newest) return true;
    const { account, log } = this.#p;
    log.warn({ account, seen, newest: this.#newest }, 'records were read from a server that is behind: once more');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // It may be gone by now, where people remove messages.
      void this.#ask().then(newest => { this.#newest = Math.min(this.#newest, newest); }, () => undefined).then(() => { if (this.#timer) readAgain(); });
    }, readAgainMs);
    return false;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #ask(): Promise<number> {
    return (await lastMessage(this.#p.publisher, streams.skuRecords, '$KV.sku.>'))?.seq ?? 0;
  }
}
