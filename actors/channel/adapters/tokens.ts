/** Access tokens of one account: refreshed one at a time, stored before they are used, dropped when refused. */
import type { TokenSet, TokenStore } from '../adapter.ts';

export class Tokens {
  #current: TokenSet | undefined;
  #refreshing: Promise<TokenSet> | undefined;
  readonly #account: string;
  readonly #store: TokenStore;
  readonly #fetch: (stored: TokenSet | undefined) => Promise<TokenSet>;
  readonly #now: () => number;
  readonly #marginMs: number;

  /**
   * @param fetch asks the vendor for a new token; given the stored pair where there is one (its refresh token may
   *   have rotated). Throws `AuthError` when the grant is dead.
   * @param marginMs a token this near to its end counts as ended
   */
  constructor(options: {
    account: string;
    store: TokenStore;
    fetch: (stored: TokenSet | undefined) => Promise<TokenSet>;
    now: () => number;
    marginMs: number;
  }) {
    this.#account = options.account;
    this.#store = options.store;
    this.#fetch = options.fetch;
    this.#now = options.now;
    this.#marginMs = options.marginMs;
  }

  get expiresAt(): number | undefined {
    return this.#current?.expiresAt;
  }

  /** A token that is good for at least the margin; many callers share one refresh. */
  async access(): Promise<string> {
    const live = this.#current;
    if (live && live.expiresAt - this.#marginMs > this.#now()) return live.accessToken;
    return (await (this.#refreshing ??= this.#refresh().finally(() => { this.#refreshing = undefined; }))).accessToken;
  }

  /** Forgets a token that the vendor refused, unless another caller has replaced it already. */
  drop(accessToken: string): void {
    if (this.#current?.accessToken === accessToken) this.#current = { ...this.#current, expiresAt: 0 };
  }

  async #refresh(): Promise<TokenSet> {
    // Another process may have refreshed since: its pair, if still good, is the one to use.
    const stored = await this.#store.load(this.#account);
    const usable = stored && stored.accessToken !== this.#current?.accessToken && stored.expiresAt - this.#marginMs > this.#now();
    if (usable) return (this.#current = stored);
    const fresh = await this.#fetch(stored);
    await this.#store.save(this.#account, fresh);
    return (this.#current = fresh);
  }
}
