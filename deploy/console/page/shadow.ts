/** What accounts show beside what we would write: who agrees, part by part, and where both differ. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ShadowAccount, ShadowChange, ShadowFigures, ShadowRow, ShadowRows } from '../protocol.ts';
import { ago, count, plural, share } from './format.ts';
import { html } from './html.ts';
import { useNow } from './live.ts';
import { Rows } from './rows.ts';

/** Asking walks over all listings of an account: it rests so many times as long. */
const restTimes = 20;
const restLeastMs = 5_000;

/** @param account whose listings are told; undefined shows the accounts alone */
export function Shadow({ account }: { account: string | undefined }): VNode {
  const [accounts, setAccounts] = useState<ShadowAccount[]>();
  const [error, setError] = useState<string>();
  useAgain('/api/shadow', (body: { accounts: ShadowAccount[] }) => { setAccounts(body.accounts); }, setError);
  if (!accounts) return html`<div class="loading" role="status">${error ?? 'Asking the accounts what they compare …'}<p><a href="#/">back</a></p></div>`;
  return html`
    <div class="title"><a href="#/" class="back" aria-label="Back to the front page">←</a><h1>What we would write</h1>
      <span class="faint">beside what is there: <code>plumb shadow report</code></span></div>
    ${error && html`<p class="note bad" role="alert">${error}: what is shown is old.</p>`}
    <section class="card" aria-labelledby="agreement">
      <h2 id="agreement">Agreement <small>the share of readings in which both sides were the same; a difference within minutes of a change is settling, and not counted</small></h2>
      <div class="wide" tabindex="0" role="region" aria-labelledby="agreement">
        <table class="matrix shadow">
          <thead><tr>${['account', 'stage', 'listings', 'live', 'equal now', 'low', 'high', 'unknown', 'settling', 'agreement', 'of readings', 'changed by somebody else'].map(name => html`<th scope="col">${name}</th>`)}</tr></thead>
          <tbody>${accounts.map(each => html`<${Account} key=${each.account} of=${each} isChosen=${each.account === account} />`)}</tbody>
        </table>
      </div>
    </section>
    ${account !== undefined && html`<${Listings} key=${account} account=${account} />`}`;
}

function Account({ of: { account, silent, stage, live, figures, slices = [] }, isChosen }: { of: ShadowAccount; isChosen: boolean }): VNode {
  const name = html`<th scope="row"><a href=${`#/shadow/${encodeURIComponent(account)}`} aria-current=${isChosen ? 'true' : undefined}>${account}</a></th>`;
  if (!figures) return html`<tr>${name}<td colspan="11" class="faint">${silent}</td></tr>`;
  return html`
    <tr class=${isChosen ? 'chosen' : ''}>${name}<td><span class="state" title=${live ?? ''}>${stage}</span></td><${Figures} of=${figures} /></tr>
    ${isChosen && slices.map(({ slice, figures: part }) => html`<tr class="part" key=${slice}><th scope="row">${slice}</th><td></td><${Figures} of=${part} /></tr>`)}`;
}

function Figures({ of: { listings, live, equal, low, high, unknown, settling, compared, agreed, foreign } }: { of: ShadowFigures }): VNode {
  const cell = (units: number, mood: string): VNode => html`<td class=${units > 0 ? `some ${mood}` : 'faint'}>${units > 0 ? count(units) : '·'}</td>`;
  return html`
    <td>${count(listings)}</td>${cell(live, '')}<td>${count(equal)}</td>${cell(low, 'warn')}${cell(high, 'bad')}${cell(unknown, '')}${cell(settling, '')}
    <td class=${compared > 0 && agreed === compared ? 'good' : ''}>${share(agreed, compared)}</td><td>${count(compared)}</td>${cell(foreign, 'bad')}`;
}

function Listings({ account }: { account: string }): VNode {
  const [differing, setDiffering] = useState(true);
  const [told, setTold] = useState<ShadowRows>();
  const [error, setError] = useState<string>();
  const address = (from: number): string => `/api/shadow/${encodeURIComponent(account)}?from=${from}&differing=${differing ? 1 : 0}`;
  // What was asked for beyond the first page stays until another kind is chosen.
  const [isLong, setLong] = useState(false);
  useAgain(isLong ? undefined : address(0), setTold, setError, () => { setTold(undefined); });
  const now = useNow();
  const more = async (): Promise<void> => {
    setLong(true);
    const { body, failed } = await got<ShadowRows>(address(told!.next!));
    setError(failed);
    if (body) setTold(before => ({ ...body, rows: [...before!.rows, ...body.rows] }));
  };
  const choose = (only: boolean): void => { setLong(false); setDiffering(only); };
  const rows = [...told?.rows ?? []].sort(worstFirst);
  return html`
    <section class="card" aria-labelledby="compared">
      <h2 id="compared">${account} <small>${told ? `${plural(rows.length, 'listing')}${told.next === undefined ? '' : ', more follow'}` : ''}</small></h2>
      ${error && html`<p class="note bad" role="alert">${error}</p>`}
      <div class="chips">
        <button class="chip" aria-pressed=${differing} onClick=${() => choose(true)}>those that differ</button>
        <button class="chip" aria-pressed=${!differing} onClick=${() => choose(false)}>all</button>
        ${told?.next !== undefined && html`<button class="chip" onClick=${() => void more()}>more</button>`}
      </div>
      <div class="compared head" aria-hidden="true"><span>SKU</span><span class="figure">channel now</span><span class="figure">we would write</span><span>because of</span><span>somebody else wrote</span><span class="figure">agreement</span></div>
      <${Rows} label="compared" items=${rows} height=${44} most=${560} keyOf=${({ sku }: ShadowRow) => sku}
        onChoose=${({ sku }: ShadowRow) => { location.hash = `/sku/${encodeURIComponent(sku)}`; }}
        row=${(row: ShadowRow) => html`<${Row} row=${row} now=${now} />`}
        empty=${!told ? '' : differing ? html`<span class="good"><span aria-hidden="true">✔ </span>Every listing that was read and counted shows what we would write.</span>` : 'No listing is linked: plumb listings import.'} />
    </section>`;
}

function Row({ row: { sku, live, verdict, settling, shows, seenAt, would, why, because, theirs, rival, compared, agreed, foreign }, now }: { row: ShadowRow; now: number }): VNode {
  const mood = settling ? 'faint' : { equal: 'good', low: 'warn', high: 'bad', unknown: 'faint' }[verdict];
  const change = ({ at, from, to }: ShadowChange): string => `${count(from)} → ${count(to)}, ${ago(now - at)}`;
  return html`
    <div class="compared">
      <span class="sku">${sku}${live && html` <span class="tag accepted">live</span>`}${settling && html` <span class="tag">settling</span>`}</span>
      <span class=${`figure ${mood}`} title=${seenAt === null ? 'never read' : `read ${ago(now - seenAt)}`}>${count(shows)}</span><span class="figure">${count(would)}</span>
      <span class="words" title=${because ?? ''}>${would === null ? html`<span class="faint">${why ?? 'nothing was decided'}</span>` : because}</span>
      <span class="words">${rival ? html`<b class="bad">${change(rival)}</b>${foreign > 1 ? ` (${count(foreign)} times)` : ''}` : theirs && theirs.from !== null ? html`<span class="faint">${theirs.by}: ${change(theirs)}</span>` : ''}</span>
      <span class="figure faint" title=${`${count(agreed)} of ${count(compared)} readings`}>${share(agreed, compared)}</span>
    </div>`;
}

/** What may be sold and is not there, then sales that are lost, then what nobody knows. */
function worstFirst(a: ShadowRow, b: ShadowRow): number {
  const rank = ({ verdict, settling }: ShadowRow): number => ['high', 'low', 'unknown', 'equal'].indexOf(verdict) + (settling ? 0.5 : 0);
  const units = ({ shows, would }: ShadowRow): number => Math.abs((shows ?? 0) - (would ?? 0));
  return rank(a) - rank(b) || units(b) - units(a) || (a.sku < b.sku ? -1 : 1);
}

async function got<T>(address: string): Promise<{ body?: T; failed?: string }> {
  try {
    const response = await fetch(address);
    const body = await response.json() as T & { error?: string };
    return response.ok ? { body } : { failed: body.error ?? `the console answered ${response.status}` };
  } catch (failure) {
    return { failed: `the console cannot be reached: ${(failure as Error).message}` };
  }
}

/** Asks again and again while somebody looks, the more seldom the longer answers take. @param onNew told before another address is asked */
function useAgain<T>(address: string | undefined, take: (body: T) => void, fail: (error: string | undefined) => void, onNew?: () => void): void {
  useEffect(() => {
    if (address === undefined) return;
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    onNew?.();
    const load = async (): Promise<void> => {
      const began = performance.now();
      if (!document.hidden) {
        const { body, failed } = await got<T>(address);
        if (over) return;
        fail(failed);
        if (body) take(body);
      }
      timer = setTimeout(() => void load(), Math.max(restLeastMs, restTimes * (performance.now() - began)));
    };
    void load();
    return () => { over = true; clearTimeout(timer); };
  }, [address]);
}
