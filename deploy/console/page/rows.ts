/** A list of any length: only the rows that are seen exist. Arrows, page keys, Home and End move, Enter chooses. */
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { html } from './html.ts';

interface RowsProps<T> {
  label: string;
  items: readonly T[];
  keyOf(item: T): string;
  /** px; each row is as high. */
  height: number;
  row(item: T): VNode;
  onChoose(item: T, index: number): void;
  /** Brought into view whenever it changes. */
  selected?: number | undefined;
  /** px at most; less where there are few. */
  most: number;
  empty: VNode | string;
}

const spare = 8;
const emptyHeight = 120;

export function Rows<T>({ label, items, keyOf, height, row, onChoose, selected, most, empty }: RowsProps<T>): VNode {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [seen, setSeen] = useState(400);
  const [at, setAt] = useState(-1);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => setSeen(box.current?.clientHeight ?? 400));
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);
  useEffect(() => { if (selected !== undefined) show(selected); }, [selected]);
  const show = (index: number): void => {
    setAt(index);
    const { current } = box;
    if (!current) return;
    if (index * height < current.scrollTop) current.scrollTop = index * height;
    else if ((index + 1) * height > current.scrollTop + current.clientHeight) current.scrollTop = (index + 1) * height - current.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(seen / height) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -items.length, End: items.length }[event.key];
    if (event.key === 'Enter' && items[at] !== undefined) onChoose(items[at], at);
    else if (step !== undefined && items.length > 0) show(Math.min(items.length - 1, Math.max(0, at + step)));
    else return;
    event.preventDefault();
  };
  const first = Math.max(0, Math.floor(top / height) - spare);
  const shown = items.slice(first, first + Math.ceil(seen / height) + 2 * spare);
  return html`
    <div class="rows" ref=${box} style=${{ height: `${items.length === 0 ? emptyHeight : Math.min(most, items.length * height + 1)}px` }} tabindex="0" role="listbox" aria-label=${label} onKeyDown=${onKeyDown} onScroll=${() => setTop(box.current!.scrollTop)}
      aria-activedescendant=${at >= first && at < first + shown.length ? `${label}-${at}` : undefined}>
      ${items.length === 0 ? html`<div class="empty">${empty}</div>` : html`
        <div class="rows-all" style=${{ height: `${items.length * height}px` }}>
          <div class="rows-seen" style=${{ transform: `translateY(${first * height}px)` }}>
            ${shown.map((item, n) => html`
              <div class=${`row ${first + n === at ? 'at' : ''}`} key=${keyOf(item)} id=${`${label}-${first + n}`} role="option" aria-selected=${first + n === at}
                aria-setsize=${items.length} aria-posinset=${first + n + 1} style=${{ height: `${height}px` }} onClick=${() => { setAt(first + n); onChoose(item, first + n); }}>
                ${row(item)}
              </div>`)}
          </div>
        </div>`}
    </div>`;
}
