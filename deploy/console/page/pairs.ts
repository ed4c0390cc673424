/** Listings that are not seen to show what they should, worst first. */
import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { PairRow, PairState } from '../protocol.ts';
import { age, count } from './format.ts';
import { html } from './html.ts';
import { useLive, useNow } from './live.ts';
import { Press } from './press.ts';
import { Rows } from './rows.ts';

const names: Record<PairState, string> = { task: 'a person', drift: 'drift', refused: 'refused', unanswered: 'no answer', held: 'held', accepted: 'accepted', waiting: 'waiting' };

export function Pairs(): VNode {
  const { pairs, pairsTotal, overview } = useLive();
  const [state, setState] = useState<PairState | 'risk' | ''>('');
  const [account, setAccount] = useState('');
  const now = useNow();
  const shown = useMemo(() => pairs.filter(pair => (account === '' || pair.account === account) && (state === '' || (state === 'risk' ? pair.atRisk > 0 : pair.state === state))), [pairs, state, account]);
  const states = (Object.keys(names) as PairState[]).filter(name => name === state || pairs.some(pair => pair.state === name));
  const accounts = [...new Set([...pairs.map(pair => pair.account), ...(account === '' ? [] : [account])])].sort();
  const chip = (value: PairState | 'risk' | '', text: string, units: number): VNode => html`<button class="chip" aria-pressed=${state === value} onClick=${() => setState(value)}>${text} <b>${count(units)}</b></button>`;
  return html`
    <section class="card" aria-labelledby="pairs">
      <h2 id="pairs">Out of sync <small>${count(pairsTotal)}${pairsTotal > pairs.length ? `, the worst ${count(pairs.length)} here` : ''}</small></h2>
      <div class="chips">
        ${chip('', 'all', pairs.length)}
        ${chip('risk', 'at risk', pairs.filter(pair => pair.atRisk > 0).length)}
        ${states.map(name => chip(name, names[name], pairs.filter(pair => pair.state === name).length))}
        <label class="hidden" for="of-account">Account</label>
        <select id="of-account" value=${account} onChange=${(event: Event) => setAccount((event.target as HTMLSelectElement).value)}>
          <option value="">every account</option>${accounts.map(name => html`<option value=${name}>${name}</option>`)}
        </select>
      </div>
      <div class="pair head" aria-hidden="true"><span>SKU</span><span>account</span><span class="figure">shows</span><span class="figure">should</span><span class="figure">at risk</span><span>why</span><span class="figure">for</span></div>
      <${Rows} label="pairs" items=${shown} height=${44} most=${440} keyOf=${(pair: PairRow) => `${pair.account}/${pair.sku}`}
        onChoose=${(pair: PairRow) => { location.hash = `/sku/${encodeURIComponent(pair.sku)}`; }}
        row=${(pair: PairRow) => html`<${Pair} pair=${pair} now=${now} />`}
        empty=${!overview ? '' : pairs.length > 0 ? 'None of this kind.' : html`<span class="good"><span aria-hidden="true">✔ </span>Every listing was seen to show what it should.</span>`} />
    </section>`;
}

function Pair({ pair: { account, sku, should, shows, atRisk, state, cause, since }, now }: { pair: PairRow; now: number }): VNode {
  return html`
    <div class="pair">
      <span class="sku">${sku}</span><span class="account">${account}</span>
      <span class="figure">${count(shows)}</span><span class="figure should">${count(should)}</span>
      <span class=${`figure ${atRisk > 0 ? 'bad' : 'faint'}`}>${atRisk > 0 ? count(atRisk) : '·'}</span>
      <span class="cause"><span class=${`tag ${state}`}>${names[state]}</span> <span class="words" title=${cause}>${cause}</span>
        ${(state === 'refused' || state === 'unanswered') && html`<${Press} asks=${{ title: `Write ${sku} at ${account} again?`, text: `${account} is asked once more, now, to show ${should}.`, button: 'Write again', action: { verb: 'write', account, sku } }}>again<//>`}</span>
      <span class="figure age">${age(now - since)}</span>
    </div>`;
}
