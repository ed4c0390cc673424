/**
 * `npm run test:contract`: what every channel owes (`channel.ts`), what each owes besides, and both against the vendors'
 * own specifications, with counts by channel. Exits with 1 when one is not held.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestFn } from 'ava';
import Table from 'cli-table3';
import { channels } from '../../deploy/sandbox/registry.ts';
import { channelContract } from './channel.ts';

interface Count { behaviours: number; own: number; vendor: number; failed: number }

const root = resolve(import.meta.dirname, '../..');
const filesIn = (folder: string, ends: string): string[] => readdirSync(join(root, folder)).filter(name => name.endsWith(ends)).map(name => join(folder, name));

/** Titles of the behaviours that channels owe; those of feeds by channels that have them. */
const behaviours = new Set<string>();
channelContract({ serial: (title: string) => void behaviours.add(title) } as unknown as TestFn, async () => { throw new Error('only titles are wanted'); }, { feeds: true });

const isOf = (channel: string) => (name: string): boolean => new RegExp(`^tests/channel/${channel}(?:[.-][\\w.-]*)?\\.test\\.ts$`).test(name);
const ofChannels = filesIn('tests/channel', '.test.ts').filter(name => channels.some(channel => isOf(channel)(name)));
const ofVendors = filesIn('tests/vendor', '.contract.ts');

/** `ok 3 - channel › amazon › a title (12ms)`; one file alone has no name before its titles. */
const line = /^(ok|not ok) \d+ - (.*)$/;

/** Runs one file and counts its tests; what fails is told as ava tells it. */
async function run(file: string): Promise<{ passed: string[]; failed: number }> {
  const child = spawn(process.execPath, [join(root, 'node_modules/ava/entrypoints/cli.js'), '--tap', file], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const passed: string[] = [];
  let failed = 0;
  let isTold = false;
  for await (const text of createInterface({ input: child.stdout })) {
    const [, how, title] = line.exec(text) ?? [];
    if (how === 'ok') passed.push(title!);
    if (how === 'not ok') failed += 1;
    if (how !== undefined) isTold = how === 'not ok';
    if (isTold) process.stdout.write(`${how === undefined ? '' : `${file}\n`}${text}\n`);
  }
  const code = await new Promise<number | null>(done => (child.exitCode === null ? child.once('close', done) : done(child.exitCode)));
  return { passed, failed: Math.max(failed, code === 0 ? 0 : 1) };
}

const counts = new Map<string, Count>();
const countOf = (channel: string): Count => {
  if (!counts.has(channel)) counts.set(channel, { behaviours: 0, own: 0, vendor: 0, failed: 0 });
  return counts.get(channel)!;
};
for (const channel of channels) countOf(channel);

for (const file of ofChannels) {
  const count = countOf(channels.find(channel => isOf(channel)(file))!);
  const { passed, failed } = await run(file);
  // Where accounts are of several kinds, the kind stands before the title, and each kind owes them all.
  const owed = passed.map(title => [title, title.replace(/^[^:]+: /, '')].find(each => behaviours.has(each)));
  count.behaviours += new Set(owed.filter(title => title !== undefined)).size;
  count.own += owed.filter(title => title === undefined).length;
  count.failed += failed;
}
for (const file of ofVendors) {
  const name = file.replace(/^.*\/|\.contract\.ts$/g, '');
  const count = countOf(channels.find(channel => channel === name) ?? (name.startsWith('erp') ? 'systems of record' : name));
  const { passed, failed } = await run(file);
  count.vendor += passed.length;
  count.failed += failed;
}

const table = new Table({ head: ['channel', `of the ${behaviours.size} behaviours`, 'of its own', 'vendor\'s specification', 'failed'], colAligns: ['left', 'right', 'right', 'right', 'right'], style: { head: [], border: [] } });
for (const [channel, { behaviours: owed, own, vendor, failed }] of counts) table.push([channel, owed, own, vendor, failed]);
process.stdout.write(`\n${table.toString()}\n`);
process.exitCode = [...counts.values()].some(({ failed }) => failed > 0) ? 1 : 0;
