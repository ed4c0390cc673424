/** A sandbox marketplace as its buyers and its shop's owner see it: the admin side, over HTTP. */
import { Pool } from 'undici';

export interface SoldLine {
  line: string;
  sku: string;
  units: number;
}

/** Listings in one call. */
const listingBatch = 500;

export class Market {
  readonly account: string;
  readonly #pool: Pool;

  constructor(account: string, origin: string) {
    this.account = account;
    this.#pool = new Pool(origin, { connections: 2, headersTimeout: 30_000, bodyTimeout: 30_000 });
  }

  /** Opens listings; one that is there already stays as it is. */
  async list(listings: readonly { sku: string; quantity: number }[]): Promise<void> {
    for (let n = 0; n < listings.length; n += listingBatch) await this.#post('listings', listings.slice(n, n + listingBatch));
  }

  /** Buys what is shown; lines not covered are refused whole. No order when all are. */
  async buy(buyer: string, lines: readonly { sku: string; units: number }[]): Promise<{ order?: { orderId: string; lines: SoldLine[] }; refused: { sku: string; units: number }[] }> {
    return await this.#post('buy', { buyer, lines }) as Awaited<ReturnType<Market['buy']>>;
  }

  /** Cancels up to `units` of a line; returns how many it was. */
  async cancel(orderId: string, line: string, units: number): Promise<number> {
    return (await this.#post('cancel', { orderId, line, units }) as { units: number }).units;
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  /** @throws {Error} naming account, path and answer; never repeated, as a buyer's call may have been carried out */
  async #post(path: string, body: unknown): Promise<unknown> {
    const { statusCode, body: answer } = await this.#pool.request({
      method: 'POST', path: `/_sandbox/${path}`, body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
    }).catch(error => { throw new Error(`${this.account}: POST /_sandbox/${path} failed: ${(error as Error).message}`, { cause: error }); });
    const text = await answer.text();
    if (statusCode !== 200) throw new Error(`${this.account}: POST /_sandbox/${path} answered ${statusCode}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }
}
