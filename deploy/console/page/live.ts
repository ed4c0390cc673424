/** What the server tells, as it tells it, for components to show. */
import { useEffect, useState } from 'preact/hooks';
import type { Overview, PairRow, PairsChange, TaskRow, Told, TrendPoint } from '../protocol.ts';

export interface Live {
  /** False while the server does not answer: what is shown is old. */
  linked: boolean;
  overview?: Overview;
  tasks: TaskRow[];
  /** Worst first. */
  pairs: PairRow[];
  pairsTotal: number;
  trend: TrendPoint[];
  /** The server's clock less this one's, ms. */
  skewMs: number;
}

let live: Live = { linked: false, tasks: [], pairs: [], pairsTotal: 0, trend: [], skewMs: 0 };
const rows = new Map<string, PairRow>();
const hearers = new Set<() => void>();
let drawing = false;

function change(more: Partial<Live>): void {
  live = { ...live, ...more };
  if (drawing) return;
  // Several events come together.
  drawing = true;
  setTimeout(() => {
    drawing = false;
    for (const hear of hearers) hear();
  }, 0);
}

export function connect(): void {
  const events = new EventSource('/events');
  const on = <N extends keyof Told>(name: N, take: (told: Told[N]) => void): void => {
    events.addEventListener(name, event => take(JSON.parse((event as MessageEvent<string>).data) as Told[N]));
  };
  events.onopen = () => change({ linked: true });
  events.onerror = () => change({ linked: false });
  on('overview', overview => change({ overview, skewMs: overview.at - Date.now() }));
  on('tasks', tasks => change({ tasks }));
  on('trend', trend => change({ trend }));
  on('pairs', told => {
    note(told);
    change({ pairs: [...rows.values()].sort(worstFirst), pairsTotal: told.total });
  });
}

function note({ fresh, set, gone }: PairsChange): void {
  if (fresh) rows.clear();
  for (const row of set) rows.set(`${row.account}/${row.sku}`, row);
  for (const { account, sku } of gone) rows.delete(`${account}/${sku}`);
}

const rank: Record<PairRow['state'], number> = { task: 0, drift: 1, refused: 2, unanswered: 3, held: 4, accepted: 5, waiting: 6 };

function worstFirst(a: PairRow, b: PairRow): number {
  return b.atRisk - a.atRisk || rank[a.state] - rank[b.state] || a.since - b.since || (a.sku < b.sku ? -1 : 1);
}

export function useLive(): Live {
  const [, draw] = useState(0);
  useEffect(() => {
    const hear = (): void => draw(n => n + 1);
    hearers.add(hear);
    return () => { hearers.delete(hear); };
  }, []);
  return live;
}

/** The server's time now, told again each second. */
export function useNow(): number {
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => draw(n => n + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return Date.now() + live.skewMs;
}
