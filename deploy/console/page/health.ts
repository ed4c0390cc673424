/** What the loop hangs on: sources, channels with their tokens and budgets, and which node has what. */
import type { VNode } from 'preact';
import type { AccountRow, NodeRow, Overview, SourceRow } from '../protocol.ts';
import { age, ago, count, duration } from './format.ts';
import { html } from './html.ts';
import { useNow } from './live.ts';

export function Sources({ overview: { sources } }: { overview: Overview }): VNode {
  const now = useNow();
  return html`
    <section class="card" aria-labelledby="sources">
      <h2 id="sources">Sources</h2>
      ${sources.length === 0 ? html`<p class="empty">No source is configured: nothing says what exists.</p>` : html`
        <table><thead><tr><th scope="col">source</th><th scope="col">last message</th><th scope="col">may be silent</th><th scope="col">read by</th></tr></thead>
          <tbody>${sources.map(source => html`<${Source} key=${source.source} source=${source} now=${now} />`)}</tbody></table>`}
    </section>`;
}

function Source({ source: { source, node, lastAt, allowedMs, silentSince }, now }: { source: SourceRow; now: number }): VNode {
  return html`
    <tr><th scope="row">${source}</th>
      <td class=${silentSince === undefined ? '' : 'bad'}>${lastAt === 0 ? 'not known yet' : ago(now - lastAt)}${silentSince === undefined ? '' : ', silent'}</td>
      <td>${allowedMs === undefined ? html`<span class="faint">still learning</span>` : duration(allowedMs)}</td>
      <td class=${node === null ? 'bad' : ''}>${node ?? 'nobody'}</td></tr>`;
}

export function Channels({ overview: { accounts } }: { overview: Overview }): VNode {
  const now = useNow();
  return html`
    <section class="card" aria-labelledby="channels">
      <h2 id="channels">Tokens, orders, reads and budgets</h2>
      <div class="wide" tabindex="0" role="region" aria-labelledby="channels"><table><thead><tr><th scope="col">account</th><th scope="col">token ends</th><th scope="col">orders known to</th><th scope="col">all read in</th><th scope="col">reads promised</th><th scope="col">proofs late</th><th scope="col" class="left">budgets: left, of, per second</th><th scope="col">throttled</th></tr></thead>
        <tbody>${accounts.map(account => html`<${Channel} key=${account.account} row=${account} now=${now} />`)}</tbody></table></div>
    </section>`;
}

function Channel({ row: { account, state, figures }, now }: { row: AccountRow; now: number }): VNode {
  if (!figures) return html`<tr><th scope="row">${account}</th><td colspan="7" class="faint">nobody answers</td></tr>`;
  const { tokenExpiresAt, ordersCompleteThrough, budgets, throttled, proofs: { overdue, sweepMs, load } } = figures;
  const left = tokenExpiresAt === undefined ? undefined : tokenExpiresAt - now;
  return html`
    <tr><th scope="row">${account}</th>
      <td class=${state === 'unauthorised' ? 'bad' : left !== undefined && left <= 0 ? 'faint' : ''}>${left === undefined ? html`<span class="faint">none needed</span>` : left <= 0 ? state === 'unauthorised' ? 'the grant is dead' : 'ended, renewed when used' : `in ${duration(left)}`}</td>
      <td>${ordersCompleteThrough === 0 ? 'never yet' : ago(now - ordersCompleteThrough)}</td>
      <td>${duration(sweepMs)}</td><td class=${load > 1 ? 'bad' : ''}>${Math.round(load * 100)} %</td><td class=${overdue > 0 ? 'bad' : 'faint'}>${overdue > 0 ? count(overdue) : '·'}</td>
      <td class="budgets">${Object.entries(budgets).map(([name, { level, burst, perSecond, waitMs, leftToday }]) => html`
        <span class=${waitMs > 0 ? 'warn' : ''} title=${waitMs > 0 ? `the channel asked for ${duration(waitMs)} of silence` : ''}>
          ${name} <meter min="0" max=${burst} value=${Math.max(0, Math.min(burst, level))} aria-label=${`${name}: ${level} of ${burst}`}></meter> ${count(Math.max(0, level))}/${count(burst)}, ${rate(perSecond)}${leftToday === undefined ? '' : `, ${count(leftToday)} today`}</span>`)}</td>
      <td class=${throttled > 0 ? '' : 'faint'}>${count(throttled)}</td></tr>`;
}

const rate = (perSecond: number): string => `${perSecond >= 10 ? count(perSecond) : perSecond.toFixed(perSecond >= 1 ? 1 : 3)}/s`;

export function Placement({ overview: { nodes, partitions } }: { overview: Overview }): VNode {
  const now = useNow();
  const shade = (node: string | null): string => (node === null ? 'none' : `owner-${nodes.findIndex(each => each.node === node) % 6 + 1}`);
  return html`
    <section class="card" aria-labelledby="placement">
      <h2 id="placement">Who owns what</h2>
      ${nodes.length === 0 ? html`<p class="empty">No node is alive.</p>` : html`
        <div class="partitions" role="img" aria-label=${nodes.map(({ node, partitions: many }) => `${node} owns ${many} partitions`).join(', ')}>
          ${partitions.map((node, n) => html`<span key=${n} class=${`partition ${shade(node)}`} title=${`partition ${n}: ${node ?? 'nobody'}`}>${n}</span>`)}
        </div>
        <div class="wide" tabindex="0" role="region" aria-labelledby="placement"><table><thead><tr><th scope="col">node</th><th scope="col">partitions</th><th scope="col">facts/s</th><th scope="col">waiting</th><th scope="col">memory</th><th scope="col">up</th><th scope="col" class="left">also has</th></tr></thead>
          <tbody>${nodes.map(node => html`<${Node} key=${node.node} row=${node} shade=${shade(node.node)} now=${now} />`)}</tbody></table></div>`}
    </section>`;
}

function Node({ row: { node, alive, partitions, eventsPerSecond, lag, rssMb, startedAt, accounts, sources, doors }, shade, now }: { row: NodeRow; shade: string; now: number }): VNode {
  const head = html`<th scope="row"><span class=${`swatch ${shade}`}></span>${node}</th>`;
  if (!alive) return html`<tr>${head}<td colspan="6" class="bad">does not answer</td></tr>`;
  return html`
    <tr>${head}<td>${partitions}</td><td>${count(eventsPerSecond)}</td><td class=${lag > 1_000 ? 'warn' : ''}>${count(lag)}</td><td>${count(rssMb)} MB</td><td>${age(now - (startedAt ?? now))}</td>
      <td class="left">${[...accounts, ...sources, ...doors].join(', ') || html`<span class="faint">nothing</span>`}</td></tr>`;
}
