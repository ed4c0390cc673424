/** Each account and how its listings stand, with the buttons for a bad hour. */
import type { VNode } from 'preact';
import type { AccountRow, Overview } from '../protocol.ts';
import { age, count, duration } from './format.ts';
import { html } from './html.ts';
import { Press } from './press.ts';

export function Matrix({ overview: { accounts, actions } }: { overview: Overview }): VNode {
  if (accounts.length === 0) return html`<section class="card"><h2>Marketplaces</h2><p class="empty">No account has ever been owned by a node. <code>plumb node</code> starts one with the accounts of its configuration.</p></section>`;
  return html`
    <section class="card" aria-labelledby="matrix">
      <h2 id="matrix">Marketplaces <small><a href="#/shadow">what we would write</a></small></h2>
      <div class="wide" tabindex="0" role="region" aria-labelledby="matrix">
        <table class="matrix">
          <thead>
            <tr><th rowspan="2" scope="col">account</th><th rowspan="2" scope="col">state</th><th colspan="3" class="group">listings</th><th colspan="4" class="group">waiting to be written or seen</th><th colspan="4" class="group">set aside</th><th colspan="2" class="group">age of proof</th><th colspan="2" class="group">change to proof</th><th rowspan="2" scope="col">all sent in</th>${actions && html`<th rowspan="2"><span class="hidden">buttons</span></th>`}</tr>
            <tr><th scope="col" class="first">linked</th><th scope="col">counted</th><th scope="col">proven</th><th scope="col" class="first">zero</th><th scope="col">lower</th><th scope="col">look</th><th scope="col">raise</th>
              <th scope="col" class="first">held</th><th scope="col">refused</th><th scope="col">drifted</th><th scope="col">emptied</th><th scope="col" class="first">half</th><th scope="col">oldest</th><th scope="col" class="first">half</th><th scope="col">99 %</th></tr>
          </thead>
          <tbody>${accounts.map(row => html`<${Row} key=${row.account} row=${row} actions=${actions} />`)}</tbody>
        </table>
      </div>
    </section>`;
}

function Row({ row, actions }: { row: AccountRow; actions: boolean }): VNode {
  const { account, channel, state, reason, node, figures } = row;
  const head = html`<th scope="row">${account}${channel !== account && html`<small>${channel}</small>`}</th>
    <td><span class=${`state ${node === null ? 'bad' : state === 'serving' ? 'good' : 'warn'}`} title=${reason ?? ''}>${node === null ? 'nobody' : state}</span></td>`;
  if (!figures) return html`<tr>${head}<td colspan="16" class="faint">no node answers for it: nothing is written or read here until one takes it over</td>${actions && html`<td></td>`}</tr>`;
  const { listings, proven, lanes, held, blocked, drifted, drained, proofAgeMs, verifiedMs, drainMs } = figures;
  const isIdle = drainMs.writes + drainMs.verify === 0;
  return html`
    <tr>
      ${head}
      <td class="first">${count(listings)}</td><td>${count(proofAgeMs.count)}</td>
      <td class=${proven === proofAgeMs.count ? 'good' : ''}>${proven === proofAgeMs.count && proven > 0 ? html`<span aria-hidden="true">✔ </span>` : ''}${count(proven)}</td>
      <${Cell} units=${lanes.zero} mood="bad first" /><${Cell} units=${lanes.decrease} mood="warn" /><${Cell} units=${lanes.verify} /><${Cell} units=${lanes.raise} />
      <${Cell} units=${held} mood="bad first" /><${Cell} units=${blocked} mood="bad" /><${Cell} units=${drifted} mood="bad" /><${Cell} units=${drained} mood="warn" />
      <td class="first">${age(proofAgeMs.p50)}</td><td>${age(proofAgeMs.oldest)}</td>
      <td class="first">${verifiedMs.count === 0 ? '–' : duration(verifiedMs.p50)}</td><td>${verifiedMs.count === 0 ? '–' : duration(verifiedMs.p99)}</td>
      <td>${isIdle ? html`<span class="faint">idle</span>` : duration(Math.max(drainMs.writes, drainMs.verify))}</td>
      ${actions && html`<td class="buttons"><${Buttons} row=${row} /></td>`}
    </tr>`;
}

function Cell({ units, mood = '' }: { units: number; mood?: string }): VNode {
  return html`<td class=${units > 0 ? `some ${mood}` : `faint ${mood.includes('first') ? 'first' : ''}`}>${units > 0 ? count(units) : '·'}</td>`;
}

function Buttons({ row: { account, state, figures } }: { row: AccountRow }): VNode {
  const stopped = state === 'frozen' || (figures?.drained ?? 0) > 0;
  return html`
    ${stopped && html`<${Press} asks=${{ title: `Resume ${account}?`, text: 'Writing goes on, and every listing is made true again.', button: 'Resume', action: { verb: 'resume', account } }}>resume<//>`}
    ${state !== 'frozen' && html`<${Press} asks=${{ title: `Freeze ${account}?`, text: 'Nothing is written there until somebody resumes it. Reading, and learning of orders, go on.', button: 'Freeze', danger: true, action: { verb: 'freeze', account } }}>freeze<//>`}
    ${!stopped && html`<${Press} asks=${{ title: `Empty ${account}?`, text: `All ${count(figures?.listings)} listings are to show 0, those that sell out first at the front, until somebody resumes it.`, button: 'Show 0 everywhere', danger: true, action: { verb: 'drain', account } }}>drain<//>`}`;
}
