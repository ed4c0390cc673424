/** Writes the dashboards as JSON into `dashboards/`, where Grafana's provisioning finds them. */
import { writeFileSync } from 'node:fs';
import { dashboards } from './dashboards.ts';
import { grafana } from './panels.ts';

for (const dashboard of dashboards) writeFileSync(new URL(`dashboards/${dashboard.uid}.json`, import.meta.url), `${JSON.stringify(grafana(dashboard), null, 1)}\n`);
