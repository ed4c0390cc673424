/** uPlot in a component: drawn anew when its shape or the colours change, fed when its data does. */
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { html } from './html.ts';
import { useTheme } from './theme.ts';

interface ChartProps {
  label: string;
  height: number;
  data: uPlot.AlignedData;
  /** Without a size; colours are taken when it is called. */
  options(): Omit<uPlot.Options, 'width' | 'height'>;
  /** Options are asked for again when it changes. */
  shape?: string;
  onMade?(plot: uPlot): void;
}

export function Chart({ label, height, data, options, shape = '', onMade }: ChartProps): VNode {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const theme = useTheme();
  useEffect(() => {
    const { current } = box;
    plot.current = new uPlot({ ...options(), width: current!.clientWidth, height }, data, current!);
    onMade?.(plot.current);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: current!.clientWidth, height }));
    watch.observe(current!);
    return () => {
      watch.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape, theme, height]);
  useEffect(() => { plot.current?.setData(data); }, [data]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${box}></div>`;
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function axis(more: uPlot.Axis = {}): uPlot.Axis {
  return { stroke: colour('muted'), grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line'), width: 1, size: 4 }, font: '11px system-ui', ...more };
}

/** Clock times as fine as the marks are apart. */
export function timeValues(_plot: uPlot, splits: number[], _axis: number, _space: number, apart: number): string[] {
  return splits.map(at => (apart >= 86_400 ? days : apart >= 60 ? minutes : apart >= 1 ? seconds : parts).format(at * 1_000));
}

const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => new Intl.DateTimeFormat('en-GB', options);
const days = format({ day: 'numeric', month: 'short' });
const minutes = format({ hour: '2-digit', minute: '2-digit' });
const seconds = format({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const parts = format({ minute: '2-digit', second: '2-digit', fractionalSecondDigits: 2 });

/** Marks of what is counted are whole. */
export const whole = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7];

/** The same account has the same colour everywhere. */
export function accountColour(index: number): string {
  return colour(`series-${index % 6 + 1}`);
}
