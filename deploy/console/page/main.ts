/** Begins the page: what is shown follows the address behind `#`, so that any view can be sent to a colleague. */
import { render } from 'preact';
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { html } from './html.ts';
import { connect, useLive } from './live.ts';
import { Overview } from './overview.ts';
import { Asked } from './press.ts';
import { Shadow } from './shadow.ts';
import { Search, Sku } from './sku.ts';
import { nextTheme, useTheme } from './theme.ts';

function App(): VNode {
  const [hash, setHash] = useState(location.hash);
  const { linked, overview } = useLive();
  const theme = useTheme().split(' ')[0];
  useEffect(() => {
    const follow = (): void => {
      // A place on the front page is no other page.
      if (/^#($|\/)/.test(location.hash)) { setHash(location.hash); scrollTo(0, 0); }
    };
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && event.target.closest('input, select, textarea, dialog') !== null;
      if (event.key === '/' && !isTyping) { event.preventDefault(); document.getElementById('search')?.focus(); }
      if (event.key === 'Escape' && !isTyping && /^#\/(sku|shadow)/.test(location.hash)) location.hash = '/';
    };
    addEventListener('hashchange', follow);
    addEventListener('keydown', onKey);
    return () => { removeEventListener('hashchange', follow); removeEventListener('keydown', onKey); };
  }, []);
  const sku = /^#\/sku\/(.+)$/.exec(hash)?.[1];
  const shadow = /^#\/shadow(?:\/(.+))?$/.exec(hash);
  return html`
    <a class="skip" href="#main">To the figures</a>
    <header>
      <a href="#/" class="brand"><img src="/icon.svg" alt="" width="22" height="22" /> Plumb</a>
      <span class=${`link ${linked ? 'good' : 'bad'}`} role="status">${linked ? 'live' : overview ? 'no connection: what is shown is old' : 'connecting'}</span>
      <${Search} />
      ${overview && !overview.actions && html`<span class="faint only" title="plumb console --actions has buttons">read-only</span>`}
      <button class="quiet" onClick=${nextTheme} aria-label=${`Colours: ${theme}`}>${theme === 'auto' ? '◐' : theme === 'light' ? '○' : '●'}</button>
    </header>
    <main id="main" tabindex="-1" class=${linked ? '' : 'old'}>
      <div role="alert">${overview?.warnings.map(text => html`<p class="note bad" key=${text}>${text}</p>`)}</div>
      ${shadow ? html`<${Shadow} account=${shadow[1] && decodeURIComponent(shadow[1])} />` : sku === undefined ? html`<${Overview} />` : html`<${Sku} key=${sku} sku=${decodeURIComponent(sku)} />`}
    </main>
    <${Asked} />`;
}

connect();
const page = document.getElementById('page')!;
page.replaceChildren();
render(html`<${App} />`, page);
