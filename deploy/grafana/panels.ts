/** Panels of Grafana dashboards, said in a line each. A row is 24 columns wide. */

export interface Query { expr: string; legend?: string }

export interface Panel {
  title: string;
  type: 'stat' | 'timeseries' | 'heatmap' | 'state-timeline' | 'bargauge';
  queries: Query[];
  unit: string;
  width: number;
  height: number;
  more?: Record<string, unknown>;
}

export interface Dashboard { uid: string; title: string; description: string; /** Name of a label that is chosen at the top. */ variable?: string; rows: { title: string; panels: Panel[] }[] }

const source = { type: 'prometheus', uid: 'plumb' };

/** One number, red from `bad` on, if ever. */
export function stat(title: string, expr: string, unit: string, bad?: number): Panel {
  const steps = [{ color: 'green', value: null }, ...bad === undefined ? [] : [{ color: 'red', value: bad }]];
  return { title, type: 'stat', queries: [{ expr }], unit, width: 4, height: 4, more: { fieldConfig: { defaults: { unit, thresholds: { mode: 'absolute', steps } }, overrides: [] }, options: { colorMode: 'background', graphMode: 'area', reduceOptions: { calcs: ['lastNotNull'] } } } };
}

export function lines(title: string, unit: string, ...queries: [expr: string, legend: string][]): Panel {
  return { title, type: 'timeseries', queries: queries.map(([expr, legend]) => ({ expr, legend })), unit, width: 8, height: 8 };
}

/** Layers upon each other. */
export function layers(title: string, unit: string, expr: string, legend: string): Panel {
  return { ...lines(title, unit, [expr, legend]), more: { fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 35, lineWidth: 1, stacking: { mode: 'normal' } } }, overrides: [] } } };
}

/** @param expr buckets of a histogram, by `le` */
export function heatmap(title: string, unit: string, expr: string): Panel {
  return { title, type: 'heatmap', queries: [{ expr, legend: '{{le}}' }], unit, width: 12, height: 8, more: { options: { calculate: false, yAxis: { unit }, color: { mode: 'scheme', scheme: 'Greens', steps: 32 } } } };
}

export function bars(title: string, unit: string, expr: string, legend: string): Panel {
  return { title, type: 'bargauge', queries: [{ expr, legend }], unit, width: 12, height: 8, more: { options: { orientation: 'horizontal', displayMode: 'basic', reduceOptions: { calcs: ['lastNotNull'] } } } };
}

/** As Grafana's provisioning takes it. */
export function grafana({ uid, title, description, variable, rows }: Dashboard): object {
  let id = 0;
  let y = 0;
  const panels: object[] = [];
  for (const { title: name, panels: inRow } of rows) {
    panels.push({ id: ++id, type: 'row', title: name, collapsed: false, gridPos: { x: 0, y: y++, w: 24, h: 1 }, panels: [] });
    let x = 0;
    let tallest = 0;
    for (const panel of inRow) {
      if (x + panel.width > 24) { y += tallest; x = tallest = 0; }
      panels.push(panelJson(panel, ++id, { x, y, w: panel.width, h: panel.height }));
      x += panel.width;
      tallest = Math.max(tallest, panel.height);
    }
    y += tallest;
  }
  const list = variable === undefined ? [] : [{
    name: variable, label: variable, type: 'query', datasource: source, refresh: 2, sort: 1, multi: true, includeAll: true, allValue: '.*', current: { text: 'All', value: '$__all' },
    query: { query: `label_values(plumb_channel_listings, ${variable})`, refId: variable },
  }];
  return {
    uid, title, description, tags: ['plumb'], editable: false, schemaVersion: 39, version: 1, refresh: '10s', time: { from: 'now-1h', to: 'now' }, timezone: 'browser',
    links: [{ type: 'dashboards', title: 'Plumb', tags: ['plumb'], asDropdown: false, keepTime: true }], templating: { list }, annotations: { list: [] }, panels,
  };
}

function panelJson({ title, type, queries, unit, more }: Panel, id: number, gridPos: object): object {
  return {
    id, title, type, gridPos, datasource: source,
    targets: queries.map(({ expr, legend }, n) => ({ refId: String.fromCharCode(65 + n), datasource: source, expr, ...(legend !== undefined && { legendFormat: legend }), ...(type === 'heatmap' && { format: 'heatmap' }) })),
    fieldConfig: { defaults: { unit }, overrides: [] },
    ...more,
  };
}
