/** Everything that the demo wrote, journals, records and logs, searched for every secret that was used in it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { startSandboxes } from '../../deploy/sandbox/main.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));

/** How tokens and secrets of the sandboxes look: most of them live for minutes, and nobody can be asked for them afterwards. */
const shapes = /Atz[ar]\|[\w-]{20,}|amzn1\.oa2-cs\.v1\.[\w-]{20,}|wm-[0-9a-f]{8}-[0-9a-f-]{20,}|eyJ[0-9a-f]{8}-[0-9a-f.-]{20,}|shp(?:ss|at|rt)_[0-9a-f]{32}|APP_USR-\d+-[0-9a-f]{6}-[0-9a-f]{32}|TG-[0-9a-f]{24}-\d+|SBX-[0-9a-f]{24}|v\^1\.1#[ir]\^1#[\w#-]{20,}/;

async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
}

/** A secret as it is, and as it stands in URLs and Basic headers. */
const formsOf = (secret: string): string[] => [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];

test.serial('what the demo wrote holds no secret of any marketplace', async t => {
  t.timeout(240_000);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [store, logs, temporary] = [join(folder, 'store'), join(folder, 'logs'), await mkdtemp(join(folder, 'temporary-'))];

  // The shapes are those of what the sandboxes give out.
  const sandboxes = await startSandboxes({ accounts: (['amazon', 'walmart', 'shopify', 'ebay'] as const).map(channel => ({ account: channel, channel })) });
  t.deepEqual(sandboxes.secrets().filter(secret => !shapes.test(secret) && !/^[0-9a-f-]{36}$/.test(secret)), []);
  await sandboxes.close();

  const child = spawn(process.execPath, [launcher, 'demo', '--json', '--duration', '8', '--keep', '--store', store, '--logs', logs], { env: { ...process.env, NATS_URL: '', TMPDIR: temporary } });
  t.teardown(() => { child.kill('SIGKILL'); });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', text => { told += text; });
  child.stderr.resume();
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  for (const until = Date.now() + 200_000; !told.includes('"checks"') && Date.now() < until && child.exitCode === null;) await new Promise(resolve => setTimeout(resolve, 100));
  t.true(told.includes('"checks"'), 'the demo came to a verdict');

  // Credentials, from the nodes' own configuration, which only this user can read.
  const configured = (await filesIn(temporary)).filter(file => /\/n\d+\.json$/.test(file));
  t.true(configured.length > 0);
  const { accounts } = JSON.parse(await readFile(configured[0]!, 'utf8')) as { accounts: { channel: string; credentials: Record<string, string> }[] };
  const secrets = accounts.flatMap(({ credentials }) => Object.entries(credentials).flatMap(([name, value]) => (name === 'clientId' ? [] : [value])));
  t.true(secrets.length >= 7, `${secrets.length} secrets of ${accounts.length} accounts`);

  child.kill('SIGINT');
  await ended;
  const written = [...await filesIn(store), ...await filesIn(logs)];
  let bytes = 0;
  let requests = 0;
  const shown: string[] = [];
  for (const file of written) {
    const text = (await readFile(file)).toString('latin1');
    bytes += text.length;
    if (text.includes('/sell/inventory/v1/bulk_update_price_quantity')) requests += 1;
    const token = shapes.exec(text)?.[0];
    if (token !== undefined) shown.push(`${token.slice(0, 10)}… in ${file}`);
    for (const form of secrets.flatMap(formsOf)) if (text.includes(form)) shown.push(`${form.slice(0, 6)}… in ${file}`);
  }
  t.deepEqual(shown, []);
  // What is searched can be read: it holds the requests.
  t.true(bytes > 1_000_000 && requests > 0 && written.some(file => file.startsWith(logs)), `${bytes} bytes in ${written.length} files`);
});
