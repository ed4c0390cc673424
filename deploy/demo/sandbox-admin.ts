/** The operator's side of the sandboxes, over HTTP as a person with curl would use it. Plumb never calls it. */
import type { Fault } from '../sandbox/kit/faults.ts';
import type { LedgerEntry } from '../sandbox/kit/ledger.ts';

/** A listing as `/_sandbox/listings` shows it. */
export interface ShownListing {
  sku: string;
  quantity: number;
  reserved: number;
  /** What buyers can buy now. */
  buyable: number;
  sold: number;
  active: boolean;
}

export class SandboxAdmin {
  readonly account: string;
  readonly url: string;

  constructor(account: string, url: string) {
    this.account = account;
    this.url = url;
  }

  listings(): Promise<ShownListing[]> {
    return this.#call('GET', 'listings');
  }

  /** The ledger, oldest first, without its first `from` entries. */
  ledger(from = 0): Promise<LedgerEntry[]> {
    return this.#call('GET', `ledger?from=${from}`);
  }

  /** Requests by kind, and how often each fault was injected. */
  counts(): Promise<Record<string, number> & { faults: Partial<Record<Fault['kind'], number>> }> {
    return this.#call('GET', 'counts');
  }

  fault(fault: Fault): Promise<unknown> {
    return this.#call('POST', 'faults', fault);
  }

  clearFaults(): Promise<unknown> {
    return this.#call('DELETE', 'faults');
  }

  /** Somebody sets a quantity in the marketplace's own pages. */
  edit(sku: string, quantity: number): Promise<unknown> {
    return this.#call('POST', 'edit', { sku, quantity });
  }

  /** The marketplace takes a listing off sale, or puts it back. */
  active(sku: string, active: boolean): Promise<unknown> {
    return this.#call('POST', 'active', { sku, active });
  }

  /** A listing ends without a trace, or is back as it was. */
  listed(sku: string, listed: boolean): Promise<unknown> {
    return this.#call('POST', 'listed', { sku, listed });
  }

  addListings(listings: readonly { sku: string; quantity: number }[]): Promise<unknown> {
    return this.#call('POST', 'listings', listings);
  }

  /** Undefined where the shown quantity does not cover it. */
  async buy(sku: string, units: number): Promise<{ orderId: string; lines: { line: string }[] } | undefined> {
    const { order } = await this.#call<{ order?: { orderId: string; lines: { line: string }[] } }>('POST', 'buy', { buyer: 'somebody', lines: [{ sku, units }] });
    return order;
  }

  cancel(orderId: string, line: string): Promise<unknown> {
    return this.#call('POST', 'cancel', { orderId, line });
  }

  /** Notifications go there. */
  hooks(url: string): Promise<unknown> {
    return this.#call('POST', 'hooks', { url });
  }

  /** A sale that no order list will ever tell of. */
  hiddenSale(sku: string, units: number): Promise<unknown> {
    return this.#call('POST', 'hidden-sale', { sku, units });
  }

  /** @throws {Error} with account, path and the sandbox's own words */
  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/_sandbox/${path}`, {
      method, signal: AbortSignal.timeout(30_000),
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${this.account}: ${method} /_sandbox/${path} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
    return await response.json() as T;
  }
}
