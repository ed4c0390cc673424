/** Allocation rules: share, buffer and maximum. */
import test from 'ava';
import { shownUnder } from '../../actors/sku/rules.ts';
import { loadConfig } from '../../config/file.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

test('a share is of what is available, rounded down, before buffer and maximum', t => {
  const shown = (rule: { percent?: number; max?: number; buffer?: number }): number[] => [0, 1, 7, 100].map(available => shownUnder({ buffer: 0, ...rule }, available));
  t.deepEqual(shown({ percent: 50 }), [0, 0, 3, 50]);
  t.deepEqual(shown({ percent: 0 }), [0, 0, 0, 0]);
  t.deepEqual(shown({ percent: 100 }), [0, 1, 7, 100]);
  t.deepEqual(shown({ percent: 50, buffer: 2 }), [0, 0, 1, 48]);
  t.deepEqual(shown({ percent: 50, buffer: 2, max: 10 }), [0, 0, 1, 10]);
});

test('a share and the promises of a source are configuration, and a share beyond all is refused with its line', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'plumb.yaml');
  const write = (percent: number, order = 'monotone', inOrder = false): Promise<void> => writeFile(file, `node: { id: n }
accounts:
  - { account: a, channel: amazon, baseUrl: "http://localhost", credentials: {}, rule: { percent: ${percent} } }
sources:
  - { source: erp, inOrder: true, floor: true }
  - { source: wms, order: ${order}, inOrder: ${inOrder}, ordersIn: { lagMs: 5000 } }
`);
  await write(50);
  const config = loadConfig(file);
  t.deepEqual(config.accounts[0]!.rule, { percent: 50, buffer: 0 });
  t.deepEqual(config.sources, [
    { source: 'erp', format: 'plumb', order: 'sequence', inOrder: true, floor: true, ordersIn: 'named' },
    { source: 'wms', format: 'plumb', order: 'monotone', inOrder: false, floor: false, ordersIn: { lagMs: 5_000 } },
  ]);
  await write(101);
  t.throws(() => loadConfig(file), { message: /plumb\.yaml:3: accounts\.0\.rule\.percent: .*100/ });
  await write(50, 'monotone', true);
  t.throws(() => loadConfig(file), { message: `${file}:6: sources.1.inOrder: only a sequence can be waited for in order, and order is monotone` });
});
