/** The configuration's errors, reference and schema, and `plumb config` as a person uses it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { ConfigError, loadConfig, readConfig } from '../../config/file.ts';
import { configJsonSchema } from '../../config/json-schema.ts';
import type { JsonSchema } from '../../config/json-schema.ts';
import { checkConfig } from '../../deploy/config/check.ts';
import { printed, shown } from '../../deploy/config/print.ts';
import { publishedSchema, schemaFile } from '../../deploy/config/schema.ts';
import { guide, guideText } from '../../deploy/config/write.ts';

const secret = 'sesame-4711-open';
const env = { LWA_CLIENT_ID: 'a', LWA_CLIENT_SECRET: secret, LWA_REFRESH_TOKEN: 'c', EBAY_CLIENT_ID: 'd', EBAY_CLIENT_SECRET: 'e', EBAY_REFRESH_TOKEN: 'f', PLUMB_NODE_ID: 'n1' };
const example = new URL('../../deploy/plumb.example.yaml', import.meta.url).pathname;

async function written(t: ExecutionContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-config-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'plumb.yaml');
  await writeFile(file, text);
  return file;
}

/** All that is told of a file, without its folder. */
async function wrong(t: ExecutionContext, text: string): Promise<string[]> {
  const file = await written(t, text);
  const error = t.throws(() => checkConfig(readConfig(file, env)), { instanceOf: ConfigError });
  return error.message.split('\n').map(line => line.slice(file.length - 'plumb.yaml'.length));
}

const amazon = `
  - account: amazon-us
    channel: amazon
    baseUrl: https://sellingpartnerapi-na.amazon.com
    credentials: { clientId: a, clientSecret: b, refreshToken: c }
`;

test('what is wrong is told all at once, with file, line, key and value', async t => {
  t.deepEqual(await wrong(t, `node:
  id: N 1
reconcile:
  apartMs: 2s
  maxProofAgeMs: soon
  watch:
    evryMs: 5
log:
  level: loud
`), [
    'plumb.yaml:2: node.id: must be lower case letters, digits and dashes, got "N 1"',
    'plumb.yaml:4: reconcile.apartMs: Invalid input: expected number, received string, got "2s"',
    'plumb.yaml:5: reconcile.maxProofAgeMs: Invalid input: expected number, received string, or Invalid input: expected object, received string, got "soon"',
    'plumb.yaml:7: reconcile.watch.evryMs: is no setting; there are everyMs, most, share',
    'plumb.yaml:9: log.level: Invalid option: expected one of "trace"|"debug"|"info"|"warn"|"error"|"silent", got "loud"',
  ]);
  t.deepEqual(await wrong(t, 'node:\n  id: n1\n  id: n2\n'), ['plumb.yaml:3: Map keys must be unique at line 3, column 3:']);
  t.deepEqual(await wrong(t, 'sources: []\n'), ['plumb.yaml:1: node: Invalid input: expected object, received undefined']);
});

test('a wrong secret is told without its value', async t => {
  const told = await wrong(t, `node: { id: n1 }
sources: [{ source: erp }]
doors:
  http:
    port: 0
    sources:
      - source: erp
        auth: { type: bearer, tokens: ["${secret} with spaces"] }
accounts: [{ account: a, channel: ebay, baseUrl: https://api.ebay.com, credentials: { clientId: 7 } }]
`);
  t.false(told.join().includes('sesame'));
  t.deepEqual(told.map(line => line.slice(0, line.indexOf(': ', 20))), ['plumb.yaml:8: doors.http.sources.0.auth.tokens.0', 'plumb.yaml:9: accounts.0.credentials.clientId']);
});

test('what a channel, a door or a hook wants is looked for before the node starts', async t => {
  t.deepEqual((await wrong(t, `node: { id: n1 }
accounts:${amazon}    settings:
      sellerId: A1
      marketPlaceId: X
${amazon.slice(1)}    settings: { sellerId: A1, marketplaceId: X }
  - { account: b, channel: bazar, baseUrl: "https://b.example", credentials: {} }
doors: { http: { port: 0, sources: [{ source: erp, auth: { type: bearer, tokens: ["0123456789"] } }] } }
`)).map(line => line.replace(/ Amazon account.*/, ' …')), [
    'plumb.yaml:10: accounts.1.account: "amazon-us" stands there twice',
    'plumb.yaml:7: accounts.0.settings.marketplaceId: …',
    'plumb.yaml:15: accounts.2.channel: "bazar" is none of amazon, walmart, shopify, mercadolibre, ebay, generic-rest',
    'plumb.yaml:16: doors.http.sources.0.source: "erp" is none of the sources (none is configured)',
  ]);
});

test('files and folders lie beside the configuration, wherever it is read from', async t => {
  const file = await written(t, 'node: { id: n1, dataDir: data }\nsecretsDir: ./tokens\nprices: prices.csv\narchive: { store: archive }\nnats: { credentials: keys/node.nk }');
  const config = loadConfig(relative(process.cwd(), file), env);
  const beside = (name: string): string => join(dirname(file), name);
  t.deepEqual([config.secretsDir, config.node.dataDir, config.prices, config.archive?.store, config.nats.credentials], ['tokens', 'data', 'prices.csv', 'archive', 'keys/node.nk'].map(beside));
  t.is(loadConfig(await written(t, 'node: { id: n1 }\nsecretsDir: /var/lib/plumb/tokens'), env).secretsDir, '/var/lib/plumb/tokens');
  t.deepEqual(await wrong(t, 'node: { id: n1 }\nsecretsDir: ""'), ['plumb.yaml:2: secretsDir: Too small: expected string to have >=1 characters, got ""']);
});

test('every key says what it is, and guide and schema are written from that: node deploy/config/write.ts', async t => {
  const silent = (key: string, { properties = {}, items, additionalProperties, anyOf = [], oneOf = [] }: JsonSchema): string[] => [
    ...Object.entries(properties).flatMap(([name, schema]) => [...(schema.description === undefined ? [`${key}.${name}`] : []), ...silent(`${key}.${name}`, schema)]),
    ...[...(items ? [items] : []), ...(additionalProperties ? [additionalProperties] : []), ...anyOf, ...oneOf].flatMap(each => silent(key, each)),
  ];
  t.deepEqual(silent('', configJsonSchema), []);
  t.is(await readFile(schemaFile, 'utf8'), publishedSchema());
  const text = await readFile(guide, 'utf8');
  t.is(text, guideText(text));
});

test('the schema for editors takes what a node takes, and not a setting of another channel', async t => {
  const valid = new Ajv({ strict: false, formats: { uri: true } }).compile(JSON.parse(publishedSchema()) as object);
  const text = await readFile(example, 'utf8');
  t.regex(text, /^# yaml-language-server: \$schema=\.\.\/config\/plumb\.schema\.json\n/);
  t.true(valid(parse(text)), JSON.stringify(valid.errors));
  t.notThrows(() => checkConfig(readConfig(example, env)));
  t.false(valid(parse(text.replace('sellerId:', 'locationId:'))));
  t.false(valid(parse(text.replace('buffer: 2', 'buffer: two'))));
  t.false(valid(parse(`${text}\nreconsile: {}\n`)));
});

test('print shows what a node works with, which are defaults, and no secret', async t => {
  const file = await written(t, (await readFile(example, 'utf8')).replace('nats://127', `nats://plumb:${secret}@127`).replace('${LWA_REFRESH_TOKEN}', secret));
  const read = readConfig(file, env);
  const text = printed(read);
  t.false(text.includes(secret), text);
  t.false(JSON.stringify(shown(read)).includes(secret));
  for (const line of ['  url: nats://(hidden)@127.0.0.1:4222', '  replicas: 1 # default', '  id: ${PLUMB_NODE_ID}', '      clientSecret: ${LWA_CLIENT_SECRET}', '      refreshToken: (hidden)', '      buffer: 2', '  maxProofAgeMs: 600000', '  apartMs: 2000 # default']) {
    t.true(text.split('\n').includes(line), `${line}\n${text}`);
  }
  // What it prints is what it read, but for what is hidden.
  const { accounts: _a, nats: _n, node: _i, ...rest } = parse(text) as Record<string, unknown>;
  const { accounts: _b, nats: _m, node: _j, ...loaded } = loadConfig(file, env);
  t.deepEqual(rest, JSON.parse(JSON.stringify(loaded)) as typeof rest);
});

test('plumb config check ends with 2 and all lines for a wrong file, and names secrets that stand in a right one', async t => {
  const run = (file: string) => promisify(execFile)(process.execPath, [new URL('../../deploy/cli/plumb.ts', import.meta.url).pathname, 'config', 'check', file], { env: { ...process.env, ...env } })
    .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }));
  const wrongFile = await written(t, 'node: { id: n1 }\nlog: { level: loud }\naskMs: never\n');
  const bad = await run(wrongFile);
  t.is(bad.code, 2);
  t.regex(bad.stderr, /plumb\.yaml:2: log\.level: .*\n.*plumb\.yaml:3: askMs: /);
  const right = await run(await written(t, `node: { id: n1 }\nsources: [{ source: erp }]\naccounts:${amazon}    settings: { sellerId: A1, marketplaceId: X }\n`));
  t.is(right.code, 0, right.stderr);
  t.regex(right.stdout, /is right: 1 account, 1 source\n$/);
  t.is(right.stderr.split('\n').filter(line => line.includes('is a secret that stands in the file')).length, 3);
  t.false(right.stderr.includes('refreshToken: c'));
});
