/** Supervises real processes, and kills the supervisor too. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Message } from '../../deploy/demo/child.ts';
import { Lifetime } from '../../deploy/demo/lifetime.ts';
import { ProcessGroup } from '../../deploy/demo/processes.ts';

const modulePath = (path: string): string => JSON.stringify(new URL(`../../deploy/demo/${path}`, import.meta.url).href);

/** Says what it hears back, with its pid. */
const echo = `
  import { underParent } from ${modulePath('child.ts')};
  const parent = underParent(() => console.log('stopped'));
  parent.onMessage(message => parent.tell({ ...message, type: 'echo', pid: process.pid }));
  parent.ready({ pid: process.pid, given: process.argv[2], env: process.env.GIVEN });
  setInterval(() => {}, 1000);`;

/** Neither signals nor the closed channel end it. */
const stubborn = `
  process.on('SIGTERM', () => {}); process.on('disconnect', () => {});
  process.send({ type: 'ready', pid: process.pid }); setInterval(() => {}, 1000);`;

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function group(t: ExecutionContext): Promise<{ path: string; processes: ProcessGroup; program(name: string, text: string): Promise<string> }> {
  const path = await folder(t);
  const lifetime = new Lifetime();
  const processes = new ProcessGroup(path, lifetime.guardian);
  lifetime.defer(() => processes.stop());
  t.teardown(() => lifetime.end());
  return {
    path, processes,
    program: async (name, text) => {
      await writeFile(join(path, `${name}.ts`), text);
      return join(path, `${name}.ts`);
    },
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function eventually(check: () => boolean, withinMs = 8_000): Promise<boolean> {
  for (const until = Date.now() + withinMs; Date.now() < until;) {
    if (check()) return true;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return false;
}

test('a process gets its arguments and environment, and messages go both ways', async t => {
  const { processes, program } = await group(t);
  const heard: Message[] = [];
  processes.onMessage('a', message => heard.push(message));
  const ready = await processes.start({ name: 'a', module: await program('echo', echo), args: ['one'], env: { GIVEN: 'two' } });
  t.like(ready, { type: 'ready', given: 'one', env: 'two' });
  processes.tell('a', { type: 'ask', number: 7 });
  t.true(await eventually(() => heard.some(m => m.type === 'echo' && m.number === 7)));
});

test('a killed process dies without goodbye, is no surprise, and starts again under its name', async t => {
  const { path, processes, program } = await group(t);
  const deaths: string[] = [];
  processes.onDeath = name => deaths.push(name);
  const first = await processes.start({ name: 'a', module: await program('echo', echo) });
  await processes.kill('a');
  t.false(isRunning(first.pid as number));
  t.false(processes.isAlive('a'));
  t.notRegex(readFileSync(join(path, 'a.log'), 'utf8'), /stopped/);
  const second = await processes.restart('a');
  t.not(second.pid, first.pid);
  t.true(isRunning(second.pid as number));
  t.deepEqual(deaths, []);
});

test('a process that dies by itself is reported with the end of its log', async t => {
  const { processes, program } = await group(t);
  const { promise, resolve } = Promise.withResolvers<string>();
  processes.onDeath = (name, why) => resolve(`${name}: ${why}`);
  await processes.start({ name: 'a', module: await program('bomb', `process.on('message', () => { throw new Error('out of paper'); }); process.send({ type: 'ready' });`) });
  processes.tell('a', { type: 'print' });
  const report = await promise;
  t.regex(report, /^a: exit code 1/);
  t.regex(report, /out of paper/);
});

test('a process that cannot start says why, and is gone', async t => {
  const { processes, program } = await group(t);
  processes.onDeath = name => t.fail(`${name} is reported by start, not as a death`);
  const error = await t.throwsAsync(processes.start({ name: 'a', module: await program('broken', `throw new Error('no config here');`) }));
  t.regex(error!.message, /a did not start: exit code 1/);
  t.regex(error!.message, /no config here/);
  t.false(processes.isAlive('a'));
});

test('stop asks first, and kills what does not listen', async t => {
  const { path, processes, program } = await group(t);
  const polite = await processes.start({ name: 'polite', module: await program('echo', echo) });
  const deaf = await processes.start({ name: 'deaf', module: await program('stubborn', stubborn) });
  await processes.stop();
  t.false(isRunning(polite.pid as number));
  t.false(isRunning(deaf.pid as number));
  t.regex(readFileSync(join(path, 'polite.log'), 'utf8'), /stopped/);
});

/** A supervisor in its own process with a temporary folder and two children. */
async function supervisor(t: ExecutionContext): Promise<{ pid: number; pids: number[]; temporary: string; exited: Promise<unknown[]> }> {
  const path = await folder(t);
  const temporary = join(path, 'run');
  await writeFile(join(path, 'echo.ts'), echo);
  await writeFile(join(path, 'stubborn.ts'), stubborn);
  await writeFile(join(path, 'supervisor.ts'), `
    import { mkdirSync, rmSync } from 'node:fs';
    import { Lifetime } from ${modulePath('lifetime.ts')};
    import { ProcessGroup } from ${modulePath('processes.ts')};
    const temporary = ${JSON.stringify(temporary)};
    mkdirSync(temporary);
    const lifetime = new Lifetime([temporary]);
    lifetime.rule();
    lifetime.defer(() => rmSync(temporary, { recursive: true }));
    const processes = new ProcessGroup(temporary, lifetime.guardian);
    lifetime.defer(() => processes.stop());
    const a = await processes.start({ name: 'a', module: ${JSON.stringify(join(path, 'echo.ts'))} });
    const b = await processes.start({ name: 'b', module: ${JSON.stringify(join(path, 'stubborn.ts'))} });
    process.on('message', what => { if (what === 'throw') throw new Error('a bug of ours'); });
    process.send({ pids: [a.pid, b.pid] });`);
  const child = spawn(process.execPath, [join(path, 'supervisor.ts')], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const exited = once(child, 'exit');
  const [message] = await once(child, 'message') as [{ pids: number[] }];
  t.true(message.pids.every(isRunning) && existsSync(temporary));
  t.teardown(() => { child.kill('SIGKILL'); });
  if (t.title.includes('error')) child.send('throw');
  return { pid: child.pid!, pids: message.pids, temporary, exited };
}

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
  test(`${signal} at the supervisor leaves no process and no folder, and exits ${code}`, async t => {
    const { pid, pids, temporary, exited } = await supervisor(t);
    process.kill(pid, signal);
    t.deepEqual(await exited, [code, null]);
    t.deepEqual(pids.filter(isRunning), []);
    t.false(existsSync(temporary));
  });
}

test('an error that nobody caught in the supervisor leaves no process and no folder, and exits 1', async t => {
  const { pids, temporary, exited } = await supervisor(t);
  t.deepEqual(await exited, [1, null]);
  t.deepEqual(pids.filter(isRunning), []);
  t.false(existsSync(temporary));
});

test('a supervisor that is killed leaves no process and no folder', async t => {
  const { pid, pids, temporary } = await supervisor(t);
  process.kill(pid, 'SIGKILL');
  t.true(await eventually(() => pids.every(each => !isRunning(each)), 10_000));
  t.true(await eventually(() => !existsSync(temporary)));
});

test('a second Ctrl-C does not wait', async t => {
  const { pid, pids, temporary, exited } = await supervisor(t);
  const at = Date.now();
  process.kill(pid, 'SIGINT');
  await new Promise(resolve => setTimeout(resolve, 100));
  process.kill(pid, 'SIGINT');
  t.deepEqual(await exited, [130, null]);
  t.true(Date.now() - at < 3_000);
  t.true(await eventually(() => pids.every(each => !isRunning(each)) && !existsSync(temporary), 10_000));
});
