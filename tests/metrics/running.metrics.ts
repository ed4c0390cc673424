/** Every panel and every alert rule asked of a real Prometheus that has scraped a running demo: none says nothing. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import { parse } from 'yaml';
import { dashboards } from '../../deploy/grafana/dashboards.ts';
import { grafana } from '../../deploy/grafana/panels.ts';
import { startNats } from '../../deploy/nats/server.ts';

const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const rulesFile = here('deploy/prometheus/plumb.rules.yaml');

interface Rule { alert: string; expr: string }
const { groups } = parse(readFileSync(rulesFile, 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap(group => group.rules);

/** What is asked of the server: panels with what Grafana would put in, rules as what they compare. */
const queries = [
  ...dashboards.flatMap(({ title, rows }) => rows.flatMap(({ panels }) => panels.flatMap(panel => panel.queries.map(({ expr }) => ({
    of: `${title} / ${panel.title}`, expr: expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$account\b/g, '.*'),
  }))))),
  // With `bool` a comparison says 0 where it does not hold: nothing is said only where there is nothing to compare.
  ...rules.map(({ alert, expr }) => ({ of: `rule ${alert}`, expr: expr.replaceAll(/ (>|<|==|>=|<=|!=) /g, ' $1 bool ') })),
];

test('dashboards are what their code makes', t => {
  for (const dashboard of dashboards) {
    const written = JSON.parse(readFileSync(here(`deploy/grafana/dashboards/${dashboard.uid}.json`), 'utf8')) as object;
    t.deepEqual(written, JSON.parse(JSON.stringify(grafana(dashboard))) as object, `node deploy/grafana/write.ts writes ${dashboard.uid}`);
  }
  const named = parse(readFileSync(here('deploy/grafana/provisioning/datasources/plumb.yaml'), 'utf8')) as { datasources: { uid: string }[] };
  t.deepEqual(named.datasources.map(({ uid }) => uid), ['plumb']);
});

test('every panel and rule has something to say of a running demo', async t => {
  t.timeout(240_000);
  if (spawnSync('prometheus', ['--version']).error) return t.fail('prometheus is not on the PATH: apt-get install prometheus');
  const folder = await mkdtemp(join(tmpdir(), 'plumb-metrics-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [metrics, web] = [await freePorts(3), await freePorts(1)];
  const server = await startNats({ storeDir: join(folder, 'jetstream') });
  t.teardown(() => server.stop());
  const demo = run(t, process.execPath, [here('deploy/cli/plumb.js'), 'demo', '--keep', '--duration', '25', '--metrics', String(metrics)], { NATS_URL: server.url });
  await writeFile(join(folder, 'prometheus.yaml'), JSON.stringify({
    global: { scrape_interval: '1s', evaluation_interval: '2s' }, rule_files: [rulesFile],
    scrape_configs: [{ job_name: 'plumb', static_configs: [{ targets: [0, 1, 2].map(n => `127.0.0.1:${metrics + n}`) }] }],
  }));
  run(t, 'prometheus', [`--config.file=${join(folder, 'prometheus.yaml')}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`, `--web.listen-address=127.0.0.1:${web}`]);
  await Promise.race([demo.prints(/kept running until Ctrl-C/), demo.ended.then(() => { throw new Error(`the demo ended:\n${demo.out()}`); })]);
  // Somebody's message that cannot be understood: a task.
  const nc = await connect({ servers: server.url });
  t.teardown(() => nc.close());
  await nc.request('ingest.erp', '{"id":"bad","sku":"A","type":"count","version":1,"quantity":"ten"}', { timeout: 5_000 });

  let silent = queries;
  for (const until = Date.now() + 60_000; silent.length > 0 && Date.now() < until;) {
    await new Promise(resolve => setTimeout(resolve, 2_000));
    silent = (await Promise.all(silent.map(async query => (await ask(web, query.expr)).length === 0 ? [query] : []))).flat();
  }
  t.deepEqual(silent, [], 'queries that return nothing');
  t.log(`${queries.length} queries of ${dashboards.length} dashboards and ${rules.length} rules return something`);
  const health = await (await fetch(`http://127.0.0.1:${web}/api/v1/rules`)).json() as { data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] } };
  t.deepEqual(health.data.groups.flatMap(group => group.rules).filter(rule => rule.health === 'err').map(({ name, lastError }) => `${name}: ${lastError}`), []);
});

/** @returns samples that are numbers @throws {Error} for a query that is none */
async function ask(port: number, expr: string): Promise<unknown[]> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`);
  const { status, error, data } = await response.json() as { status: string; error?: string; data: { result: { value: [number, string] }[] } };
  if (status !== 'success') throw new Error(`${expr}: ${error}`);
  return data.result.filter(({ value }) => value[1] !== 'NaN');
}

function run(t: ExecutionContext, file: string, args: string[], env: Record<string, string> = {}): { prints(what: RegExp): Promise<void>; ended: Promise<unknown>; out(): string } {
  const child: ChildProcess = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
  });
  let text = '';
  const heard = new Set<() => void>();
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => { text += chunk.toString(); for (const hear of heard) hear(); });
  return {
    ended, out: () => text.slice(-3_000),
    prints: what => new Promise(resolve => { heard.add(() => { if (what.test(text)) resolve(); }); }),
  };
}

/** The first of so many free ports in a row, below those that the system gives to connections. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    if ((await Promise.all(Array.from({ length: count }, (_, n) => isFree(first + n)))).every(Boolean)) return first;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isOpen = await new Promise<boolean>(resolve => { server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)); });
  if (isOpen) await new Promise(resolve => server.close(resolve));
  return isOpen;
}
