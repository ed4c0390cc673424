/** A SKU's numbers over time with what happened below them; a click chooses the moment. */
import type { VNode } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Moment, SkuHistory } from '../protocol.ts';
import { accountColour, axis, Chart, colour, timeValues } from './charts.ts';
import { html } from './html.ts';

/** Rows of marks, from the top. */
export const lanes: [kind: Moment['kind'], name: string][] = [['erp', 'ERP'], ['order', 'orders'], ['write', 'writes'], ['read', 'reads'], ['rule', 'settings']];

export function TimeLine({ history: { sku, accounts, moments }, at, onChoose }: { history: SkuHistory; at: number; onChoose(index: number): void }): VNode {
  const plot = useRef<uPlot | undefined>(undefined);
  const now = useRef(at);
  now.current = at;
  const data = useMemo(() => dataOf(accounts, moments), [moments]);
  useEffect(() => { plot.current?.redraw(false); }, [at]);
  return html`<${Chart} label=${`What ${sku} had and what each channel showed over time; the list below has it in words`} height=${340} data=${data} shape=${`${accounts.join()} ${extent(accounts, moments).join()}`}
    onMade=${(made: uPlot) => { plot.current = made; }} options=${() => options(accounts, moments, now, onChoose)} />`;
}

function dataOf(accounts: readonly string[], moments: readonly Moment[]): uPlot.AlignedData {
  // Points at one time would lie upon each other in order; uPlot wants them to grow.
  let last = 0;
  const times = moments.map(({ at }) => { last = Math.max(at / 1_000, last + 0.000_1); return last; });
  return [
    times,
    moments.map(({ stand }) => stand.available),
    ...accounts.map(account => moments.map(({ stand }) => stand.outlets[account]?.shows ?? null)),
    ...lanes.map(([kind], n) => moments.map(moment => (moment.kind === kind ? lanes.length - n : null))),
  ];
}

/** Share of the height that marks take. */
const below = 0.34;
/** Channels that show the same stand so far apart, px of about so many. */
const apart = 2, plotHeight = 290;

/** The least and the most of what is drawn; 0 is among it. */
function extent(accounts: readonly string[], moments: readonly Moment[]): [low: number, high: number] {
  let low = 0;
  let high = 1;
  for (const { stand } of moments) {
    for (const units of [stand.available, ...accounts.map(account => stand.outlets[account]?.shows)]) {
      low = Math.min(low, units ?? 0);
      high = Math.max(high, units ?? 0);
    }
  }
  return [low, high];
}

function options(accounts: readonly string[], moments: readonly Moment[], now: { current: number }, onChoose: (index: number) => void): Omit<uPlot.Options, 'width' | 'height'> {
  const stepped = uPlot.paths.stepped!({ align: 1 });
  const [low, high] = extent(accounts, moments);
  const top = high + (high - low) * 0.08;
  const bottom = low - (top - low) * below / (1 - below);
  /** The same scale for each channel, a little lower than the one before. */
  const lowered = (n: number): uPlot.Scale => ({ range: () => [bottom + n * apart * (top - bottom) / plotHeight, top + n * apart * (top - bottom) / plotHeight] });
  return {
    legend: { live: false, markers: { width: 2 } },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: true } },
    padding: [10, 14, 0, 0],
    scales: {
      y: { range: () => [bottom, top] },
      ...Object.fromEntries(accounts.map((account, n) => [`of ${account}`, lowered(n + 1)])),
      lane: { range: [0, (lanes.length + 0.7) / below] },
    },
    axes: [
      axis({ space: 90, values: timeValues }),
      axis({ size: 72, splits: plot => splits(low, top, plot.height), values: (_plot, values) => values.map(String) }),
    ],
    series: [
      {},
      { label: 'available', stroke: colour('ink'), width: 3, paths: stepped, points: { show: false }, spanGaps: false },
      ...accounts.map((account, n) => ({ label: `${account} shows`, scale: `of ${account}`, stroke: accountColour(n), width: 1.5, paths: stepped, points: { show: false }, spanGaps: false })),
      ...lanes.map(([, name]): uPlot.Series => ({ label: name, scale: 'lane', stroke: colour('muted'), paths: () => null, points: { show: true, size: 6, width: 0, fill: colour('accent') } })),
    ],
    hooks: {
      ready: [plot => {
        // Marks have their names at the left; only numbers need a legend.
        for (const row of [...plot.root.querySelectorAll<HTMLElement>('.u-series')].slice(1 + accounts.length)) row.style.display = 'none';
        plot.over.addEventListener('click', () => { if (plot.cursor.idx !== null && plot.cursor.idx !== undefined) onChoose(plot.cursor.idx); });
      }],
      draw: [plot => {
        const { ctx, bbox, data: [times] } = plot;
        ctx.save();
        ctx.font = `${11 * devicePixelRatio}px system-ui`;
        ctx.textAlign = 'right';
        ctx.textBaseline = 'middle';
        ctx.fillStyle = colour('muted');
        lanes.forEach(([, name], n) => ctx.fillText(name, bbox.left - 8 * devicePixelRatio, plot.valToPos(lanes.length - n, 'lane', true)));
        const x = plot.valToPos(times[now.current] ?? 0, 'x', true);
        if (x >= bbox.left && x <= bbox.left + bbox.width) {
          ctx.strokeStyle = colour('warn');
          ctx.lineWidth = 2 * devicePixelRatio;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
        ctx.restore();
      }],
    },
  };
}

/** Whole units from the lowest on; none where the marks are. */
function splits(low: number, high: number, height: number): number[] {
  const most = Math.max(2, height / 60);
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000].find(each => (high - low) / each <= most) ?? 1_000_000;
  const all: number[] = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) all.push(at);
  return all;
}
