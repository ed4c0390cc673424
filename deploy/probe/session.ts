/** The probe's calls: each within the published rate, timed, and with the headers that the answers brought. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccountSettings, Call, ChannelAdapter, Meter, Operation } from '../../actors/channel/adapter.ts';
import type { ChannelProfile } from '../../actors/channel/profile.ts';
import type { Limit } from '../../actors/channel/rate.ts';
import { ThrottledError } from '../../actors/errors.ts';
import { Budget } from '../../runtime/account/budget.ts';
import type { Caller } from '../../runtime/account/trial.ts';

/** Headers that speak of rate, time or version. Others may hold what is nobody's business. */
const telling = /rate|limit|quota|retry|replenish|token-count|throttl|^x-version$|api-version/i;
const throttlesMax = 5;
/** Waits of this many channel's ms where a refusal for rate brings none. */
const restMs = 2_000;

export interface SessionOptions {
  account: AccountSettings;
  adapter: ChannelAdapter;
  profile: ChannelProfile;
  limits: Record<string, Limit>;
  /** Overall deadline of one call, ms. */
  callMs: number;
  timeScale: number;
}

/** What undici publishes of each answer: https://undici.nodejs.org/#/docs/api/DiagnosticsChannel */
interface Answered { request: { origin: string }; response: { headers: readonly Uint8Array[] } }

export class Session implements Caller {
  readonly adapter: ChannelAdapter;
  readonly profile: ChannelProfile;
  readonly account: AccountSettings;
  readonly timeScale: number;
  /** Newest value of each telling header, by name. */
  readonly headers = new Map<string, string>();
  /** What answers told of limits, by limit. */
  readonly meters = new Map<string, Meter>();
  /** The vendor's clock minus ours, ms, at each answer: the `Date` header is the whole second before. */
  readonly skews: number[] = [];
  calls = 0;
  throttled = 0;
  readonly #budget: Budget;
  readonly #callMs: number;
  readonly #origin: string;
  readonly #stop = new AbortController();

  constructor({ account, adapter, profile, limits, callMs, timeScale }: SessionOptions) {
    this.account = account;
    this.adapter = adapter;
    this.profile = profile;
    this.timeScale = timeScale;
    this.#budget = new Budget({ name: account.account, limits, now: Date.now() });
    this.#callMs = callMs;
    this.#origin = new URL(account.baseUrl).origin;
    subscribe('undici:request:headers', this.#onHeaders);
  }

  close(): void {
    unsubscribe('undici:request:headers', this.#onHeaders);
  }

  /** Ends what is being asked; a listing is restored all the same. */
  stop(): void {
    this.#stop.abort(new Error('interrupted'));
  }

  get withinMs(): number {
    return this.profile.verification.withinMs;
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /**
   * One call, paid from the published rate. A refusal for rate is waited out a few times.
   *
   * @throws what the adapter throws
   */
  async run<T>(operation: Operation, work: (call: Call) => Promise<T>): Promise<{ value: T; ms: number }> {
    for (let tries = 1; ; tries++) {
      await this.#paid(operation);
      const began = performance.now();
      try {
        this.calls += 1;
        const value = await work({ signal: AbortSignal.timeout(this.#callMs), onMeter: meter => this.#told(meter, operation.limit) });
        return { value, ms: performance.now() - began };
      } catch (error) {
        if (!(error instanceof ThrottledError) || tries === throttlesMax) throw error;
        this.throttled += 1;
        this.#budget.throttle(operation.limit, error.retryAfterMs ?? restMs / this.timeScale, Date.now());
      }
    }
  }

  async #paid(operation: Operation): Promise<void> {
    for (;;) {
      const wait = this.#budget.pay(operation, Date.now());
      if (wait === 0) return;
      await sleep(wait);
    }
  }

  #told(meter: Meter, own: string): void {
    this.meters.set(meter.limit, { ...this.meters.get(meter.limit), ...meter });
    this.#budget.told(meter, own, Date.now());
  }

  readonly #onHeaders = (message: unknown): void => {
    const { request, response: { headers } } = message as Answered;
    if (String(request.origin) !== this.#origin) return;
    const text = headers.map(bytes => Buffer.from(bytes).toString('latin1'));
    for (let n = 0; n + 1 < text.length; n += 2) {
      const name = text[n]!.toLowerCase();
      if (name === 'date') this.skews.push(Date.parse(text[n + 1]!) - Date.now());
      else if (telling.test(name)) this.headers.set(name, text[n + 1]!);
    }
  };
}
