/** Secrets that a configuration names: from the environment, files and commands. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ConfigError, loadConfig } from '../../config/file.ts';

/** Loads a configuration whose one account has this secret. */
async function loaded(t: ExecutionContext, secret: string, files: Record<string, string> = {}): Promise<{ secret: string; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-secrets-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const file = join(folder, 'plumb.yaml');
  await writeFile(file, `node: { id: n1 }\naccounts:\n  - account: shop\n    channel: shopify\n    baseUrl: https://one.myshopify.com\n    credentials:\n      clientId: plain\n      clientSecret: ${JSON.stringify(secret)}\n`);
  const config = loadConfig(file, { PATH: process.env['PATH'], SHOP_SECRET: 's3cret', EMPTY: '' });
  return { secret: config.accounts[0]!.credentials['clientSecret']!, folder };
}

const files = { secret: 'from a file\n', lines: 'two\nlines\n', empty: '\n' };

for (const [what, named, wanted] of [
  ['the environment', '${SHOP_SECRET}', 's3cret'],
  ['a file beside the configuration', '${file:secret}', 'from a file'],
  ['a file, of which only the last line\'s end is left out', '${file:lines}', 'two\nlines'],
  ['what a command prints', '${command:printf %s "$SHOP_SECRET" | tr a-z A-Z}', 'S3CRET'],
  ['a command that runs beside the configuration', '${command:cat secret}', 'from a file'],
  ['several places in one text', 'a-${SHOP_SECRET}-${file:secret}', 'a-s3cret-from a file'],
  ['nowhere, where it only looks like a name', '$SHOP_SECRET ${lower} ${}', '$SHOP_SECRET ${lower} ${}'],
] as const) {
  test(`a secret comes from ${what}`, async t => {
    t.is((await loaded(t, named, files)).secret, wanted);
  });
}

for (const [what, named, wanted] of [
  ['a variable that is not set', '${NO_SUCH}', /plumb\.yaml:8: accounts\.0\.credentials\.clientSecret: environment variable NO_SUCH is not set$/],
  ['a file that is not there', '${file:none}', /plumb\.yaml:8: accounts\.0\.credentials\.clientSecret: file \/.*\/none cannot be read \(ENOENT\)$/],
  ['a file that is empty', '${file:empty}', /clientSecret: file \/.*\/empty gave nothing$/],
  ['a command that fails', '${command:echo hidden; exit 3}', /clientSecret: command "echo hidden; exit 3" ended with 3$/],
  ['a command that is none', '${command:no-such-program 2>&-}', /clientSecret: command "no-such-program 2>&-" ended with 127$/],
  ['a command that prints nothing', '${command:true}', /clientSecret: command "true" gave nothing$/],
] as const) {
  test(`${what} is told by line, key and place`, async t => {
    await t.throwsAsync(loaded(t, named, files), { instanceOf: ConfigError, message: wanted });
  });
}
