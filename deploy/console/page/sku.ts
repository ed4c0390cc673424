/** One SKU: its time line, how it stood at any moment of it, and everything that happened in words. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Moment, SkuHistory, Stand } from '../protocol.ts';
import { accountColour } from './charts.ts';
import { count, plural, time } from './format.ts';
import { html } from './html.ts';
import { useLive } from './live.ts';
import { Rows } from './rows.ts';
import { lanes, TimeLine } from './time-line.ts';

const againMs = 3_000;

export function Sku({ sku }: { sku: string }): VNode {
  const [history, setHistory] = useState<SkuHistory>();
  const [error, setError] = useState<string>();
  /** Undefined follows the newest. */
  const [chosen, setChosen] = useState<Moment>();
  useEffect(() => {
    let over = false;
    setHistory(undefined);
    setChosen(undefined);
    const load = async (): Promise<void> => {
      try {
        const response = await fetch(`/api/sku/${encodeURIComponent(sku)}`);
        const body = await response.json() as SkuHistory & { error?: string };
        if (over) return;
        setError(response.ok ? undefined : body.error ?? `the console answered ${response.status}`);
        // The same again draws nothing.
        if (response.ok) setHistory(before => (before && before.facts === body.facts && before.moments.length === body.moments.length ? before : body));
      } catch (failure) {
        if (!over) setError(`the console cannot be reached: ${(failure as Error).message}`);
      }
    };
    void load();
    const timer = setInterval(() => { if (!document.hidden) void load(); }, againMs);
    return () => { over = true; clearInterval(timer); };
  }, [sku]);
  if (!history) return html`<div class="loading" role="status">${error ?? `Reading the journal of ${sku} …`}<p><a href="#/">back</a></p></div>`;
  const { moments } = history;
  const found = chosen ? moments.findIndex(({ at, seq, text }) => at === chosen.at && seq === chosen.seq && text === chosen.text) : -1;
  const index = found === -1 ? moments.length - 1 : found;
  const choose = (n: number): void => setChosen(n === moments.length - 1 ? undefined : moments[n]);
  const moment = moments[index];
  return html`
    <div class="title"><a href="#/" class="back" aria-label="Back to the front page">←</a><h1>${sku}</h1>
      <span class="faint">partition ${history.partition}, ${plural(history.facts, 'fact')}</span></div>
    ${error && html`<p class="note bad" role="alert">${error}: what is shown is old.</p>`}
    ${history.quarantined && html`<p class="note bad" role="alert">Quarantined: ${history.quarantined}. Its task on the front page lets it go on.</p>`}
    ${!moment ? html`<section class="card"><p class="empty">Nothing was said of it yet.</p></section>` : html`
      <section class="card" aria-labelledby="line">
        <h2 id="line">Time line</h2>
        <${TimeLine} history=${history} at=${index} onChoose=${choose} />
        <div class="slider">
          <button aria-label="Earlier" disabled=${index === 0} onClick=${() => choose(index - 1)}>‹</button>
          <input type="range" aria-label="Moment" min="0" max=${moments.length - 1} value=${index} aria-valuetext=${`${time(moment.at)}: ${moment.text}`}
            onInput=${(event: Event) => choose(Number((event.target as HTMLInputElement).value))} />
          <button aria-label="Later" disabled=${index === moments.length - 1} onClick=${() => choose(index + 1)}>›</button>
          <output>${found === -1 ? html`now, ${time(moment.at)}` : html`${time(moment.at)} <button class="link" onClick=${() => setChosen(undefined)}>back to now</button>`}</output>
        </div>
      </section>
      <div class="two even">
        <${Standing} accounts=${history.accounts} moment=${moment} isNow=${found === -1} />
        <section class="card" aria-labelledby="happened">
          <h2 id="happened">What happened</h2>
          <${Rows} label="moments" items=${moments} height=${34} most=${460} selected=${index} keyOf=${({ at, seq, text }: Moment) => `${at} ${seq} ${text}`}
            onChoose=${(_moment: Moment, n: number) => choose(n)} row=${(each: Moment) => html`<${Happened} moment=${each} />`} empty="" />
        </section>
      </div>`}`;
}

const named = Object.fromEntries([...lanes, ['other', 'other']]) as Record<Moment['kind'], string>;

function Happened({ moment: { at, kind, account, text, mood } }: { moment: Moment }): VNode {
  return html`<div class="moment"><time>${time(at)}</time><span class=${`kind ${kind}`}>${named[kind]}</span><span class=${`words ${mood ?? ''}`} title=${text}>${account ? html`<b>${account}</b> ` : ''}${text}</span></div>`;
}

function Standing({ accounts, moment: { stand, at }, isNow }: { accounts: readonly string[]; moment: Moment; isNow: boolean }): VNode {
  const { available, onHand, reserved, sold, escrow } = stand;
  const shown = accounts.map(account => stand.outlets[account]?.shows ?? 0);
  const sum = shown.reduce((a, b) => a + b, 0);
  const most = Math.max(1, available ?? 0, ...accounts.flatMap(account => [stand.outlets[account]?.shows ?? 0, stand.outlets[account]?.should ?? 0]));
  return html`
    <section class="card" aria-labelledby="standing">
      <h2 id="standing">${isNow ? 'As it stands' : `As it stood at ${time(at)}`}</h2>
      <dl class="figures">
        <div><dt>available</dt><dd class=${available !== null && available < 0 ? 'bad' : ''}>${available === null ? 'not counted' : count(available)}</dd></div>
        <div><dt>on hand</dt><dd>${count(onHand)}</dd></div><div><dt>committed by the source</dt><dd>${count(reserved)}</dd></div><div><dt>sold, not in a count yet</dt><dd>${count(sold)}</dd></div>
      </dl>
      <div class="bars">
        <${Bar} name="available" units=${available} most=${most} shade="ink" />
        ${accounts.map((account, n) => html`<${Outlet} key=${account} account=${account} outlet=${stand.outlets[account]} most=${most} shade=${accountColour(n)} />`)}
      </div>
      <p class="faint">${plural(sum, 'unit is', 'units are')} shown at ${plural(accounts.length, 'channel')} together, ${available === null ? 'and nobody has said how many there are' : `of ${count(Math.max(0, available))} that can be sold`}. ${' '}
        ${escrow ? html`Escrow (${escrow.why}): each channel holds units of its own${escrow.debt > 0 ? html`, <b class="bad">and ${count(escrow.debt)} could be sold that do not exist</b>` : ''}.` : 'Mirrored: every channel shows what there is, less its buffer.'}</p>
    </section>`;
}

function Outlet({ account, outlet, most, shade }: { account: string; outlet: Stand['outlets'][string] | undefined; most: number; shade: string }): VNode {
  if (!outlet) return html`<${Bar} name=${account} units=${null} most=${most} shade=${shade} text="not listed" />`;
  const { should, shows, proven, drained, rights, ordered } = outlet;
  const isOver = shows !== null && should !== null && shows > should;
  const mine = rights === undefined ? '' : `, may sell ${count(rights)}`;
  const text = should === null ? 'nothing decided' : proven && shows === should ? `${count(should)} ✔` : `${count(shows)}, should be ${count(should)}`;
  return html`<${Bar} name=${account} units=${shows} should=${should} most=${most} shade=${shade} text=${`${text}${ordered ? ` + ${count(ordered)} ordered` : ''}${mine}${drained ? ', emptied' : ''}`} mood=${isOver ? 'bad' : proven ? 'good' : 'warn'} />`;
}

function Bar({ name, units, should, most, shade, text, mood = '' }: { name: string; units: number | null; should?: number | null; most: number; shade: string; text?: string; mood?: string }): VNode {
  const part = (of: number): string => `${Math.max(0, Math.min(1, of / most)) * 100}%`;
  return html`
    <div class="bar"><span class="name">${name}</span>
      <span class="track"><span class="fill" style=${{ width: part(units ?? 0), background: shade === 'ink' ? 'var(--ink)' : shade }}></span>
        ${should !== null && should !== undefined && html`<span class="mark" style=${{ left: part(should) }}></span>`}</span>
      <span class=${`text ${mood}`}>${text ?? count(units)}</span></div>`;
}

/** What is typed is looked for among all SKUs. */
export function Search(): VNode {
  const [text, setText] = useState('');
  const [found, setFound] = useState<string[]>([]);
  useEffect(() => {
    if (text.trim() === '') return setFound([]);
    const timer = setTimeout(() => {
      void fetch(`/api/skus?q=${encodeURIComponent(text.trim())}`).then(response => response.json() as Promise<{ skus: string[] }>).then(({ skus }) => setFound(skus), () => setFound([]));
    }, 120);
    return () => clearTimeout(timer);
  }, [text]);
  const open = (event: Event): void => {
    event.preventDefault();
    const sku = text.trim();
    if (sku === '') return;
    location.hash = `/sku/${encodeURIComponent(found.includes(sku) || found.length === 0 ? sku : found[0]!)}`;
    setText('');
  };
  const { overview } = useLive();
  return html`
    <form role="search" onSubmit=${open}>
      <input id="search" type="search" list="skus" placeholder=${overview ? `Find one of ${plural(overview.numbers.skus, 'SKU')}   /` : 'SKU'} aria-label="Find a SKU" value=${text} autocomplete="off"
        onInput=${(event: Event) => setText((event.target as HTMLInputElement).value)} />
      <datalist id="skus">${found.map(sku => html`<option value=${sku}></option>`)}</datalist>
    </form>`;
}
