/** The front page. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import uPlot from 'uplot';
import type { Overview as Told, TrendPoint } from '../protocol.ts';
import { axis, Chart, colour, timeValues, whole } from './charts.ts';
import { count, duration } from './format.ts';
import { Channels, Placement, Sources } from './health.ts';
import { html } from './html.ts';
import { useLive } from './live.ts';
import { Matrix } from './matrix.ts';
import { Numbers } from './numbers.ts';
import { Pairs } from './pairs.ts';
import { Tasks } from './tasks.ts';

export function Overview(): VNode {
  const { overview, trend } = useLive();
  if (!overview) return html`<div class="loading" role="status">Asking the nodes …</div>`;
  return html`
    <${Numbers} overview=${overview} />
    <${Matrix} overview=${overview} />
    <div class="two"><${Pairs} /><${Tasks} /></div>
    <div class="three"><${ProofAges} overview=${overview} /><${Delay} trend=${trend} /><${Trend} trend=${trend} /></div>
    <div class="two even"><${Placement} overview=${overview} /><${Sources} overview=${overview} /></div>
    <${Channels} overview=${overview} />`;
}

/** Of actors/reconciler/proof.ts, in words; the last is whatever is older. */
const ages = ['1 s', '5 s', '15 s', '1 m', '5 m', '15 m', '1 h', '6 h', '1 d', 'more'];

function ProofAges({ overview: { accounts } }: { overview: Told }): VNode {
  const counts = ages.map((_, n) => accounts.reduce((sum, { figures }) => sum + (figures?.proofAgeMs.histogram[n] ?? 0), 0));
  const never = accounts.reduce((sum, { figures }) => sum + (figures?.proofAgeMs.never ?? 0), 0);
  const oldest = Math.max(0, ...accounts.map(({ figures }) => figures?.proofAgeMs.oldest ?? 0));
  const data = useMemo((): uPlot.AlignedData => [ages.map((_, n) => n), counts], [counts.join()]);
  return html`
    <section class="card" aria-labelledby="proof-ages">
      <h2 id="proof-ages">Age of proof <small>${never > 0 ? `${count(never)} never proven, ` : ''}oldest ${duration(oldest)}</small></h2>
      <${Chart} label=${`Listings by the age of their proof: ${ages.map((name, n) => `up to ${name} ${counts[n]}`).join(', ')}`} height=${190} data=${data} options=${() => ({
        legend: { show: false }, cursor: { show: false }, padding: [8, 8, 0, 0],
        scales: { x: { time: false, range: [-0.6, ages.length - 0.4] }, y: { range: (_plot: uPlot, _low: number, high: number) => [0, Math.max(1, high * 1.1)] } },
        series: [{}, { paths: uPlot.paths.bars!({ size: [0.8] }), fill: colour('accent'), stroke: colour('accent'), width: 0, points: { show: false } }],
        axes: [axis({ grid: { show: false }, splits: () => ages.map((_, n) => n), values: () => ages }), axis({ size: 52, incrs: whole, values: (_plot, splits) => splits.map(count) })],
      })} />
    </section>`;
}

function Delay({ trend }: { trend: TrendPoint[] }): VNode {
  const data = useMemo(() => points(trend, 'p50', 'p99'), [trend]);
  const last = trend.at(-1);
  return html`
    <section class="card" aria-labelledby="delay">
      <h2 id="delay">From change to proof <small>${last ? `${duration(last.p50)}, ${duration(last.p99)} at the slowest` : ''}</small></h2>
      <${Chart} label="From change to proof, half and 99 %" height=${190} data=${data} options=${() => lines([['half', 'accent'], ['99 %', 'warn']], duration, whole)} />
    </section>`;
}

function Trend({ trend }: { trend: TrendPoint[] }): VNode {
  const data = useMemo(() => points(trend, 'atRisk', 'outOfSync'), [trend]);
  return html`
    <section class="card" aria-labelledby="trend">
      <h2 id="trend">Lately <small>while this console runs</small></h2>
      <${Chart} label="Units at risk and pairs out of sync, lately" height=${190} data=${data} options=${() => lines([['units at risk', 'bad'], ['pairs out of sync', 'accent']], count, whole)} />
    </section>`;
}

/** Nothing is known of the time when nobody looked. */
const gapMs = 20_000;

function points(trend: readonly TrendPoint[], ...names: (keyof TrendPoint)[]): uPlot.AlignedData {
  const times: number[] = [];
  const values = names.map((): (number | null)[] => []);
  trend.forEach((point, n) => {
    if (n > 0 && point.at - trend[n - 1]!.at > gapMs) {
      times.push(point.at / 1_000 - 1);
      for (const value of values) value.push(null);
    }
    times.push(point.at / 1_000);
    names.forEach((name, i) => values[i]!.push(point[name]));
  });
  return [times, ...values];
}

/** The least that a line over time spans. */
const atLeastS = 120;

/** uPlot would make years of a single point. */
function span(times: ArrayLike<number>): [number, number] {
  const end = times[times.length - 1] ?? Date.now() / 1_000;
  return [Math.min(times[0] ?? end, end - atLeastS), end];
}

function lines(series: [label: string, colour: string][], text: (value: number) => string, incrs: number[]): Omit<uPlot.Options, 'width' | 'height'> {
  return {
    legend: { live: false, markers: { width: 2 } }, cursor: { points: { size: 6 }, drag: { x: false, y: false } }, padding: [8, 8, 0, 0],
    scales: { x: { range: ({ data: [times] }) => span(times) }, y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] } },
    series: [{}, ...series.map(([label, name]) => ({ label, stroke: colour(name), width: 2, points: { show: false } }))],
    axes: [axis({ space: 70, values: timeValues }), axis({ size: 60, values: (_plot, splits) => splits.map(text), incrs })],
  };
}
