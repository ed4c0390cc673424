#!/usr/bin/env node
// Starts plumb.ts with a Node that runs it. Plain JavaScript that old Nodes parse too: no syntax newer than 2020.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const needed = 24;
const here = dirname(fileURLToPath(import.meta.url));

if (Number(process.versions.node.split('.')[0]) >= needed) await import('./plumb.ts');
else handOver(bundledNode());

/** The Node that `npm install` brought as a development dependency, in this folder or one above it. */
function bundledNode() {
  for (let folder = here; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'node_modules', '.bin', 'node');
    if (existsSync(path)) return path;
  }
  return undefined;
}

/** @param {string | undefined} node */
function handOver(node) {
  if (!node || process.env.PLUMB_HANDED_OVER) {
    process.stderr.write([
      `plumb needs Node ${needed} or newer; this is ${process.version} (${process.execPath}).`,
      `  in a clone:  npm install       brings Node ${needed} along; then npm start, or npx plumb`,
      `  elsewhere:   https://nodejs.org/en/download`,
      '',
    ].join('\n'));
    process.exit(2);
  }
  const child = spawn(node, [join(here, 'plumb.js'), ...process.argv.slice(2)], {
    stdio: 'inherit', env: { ...process.env, PLUMB_HANDED_OVER: '1' },
  });
  // Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', error => {
    process.stderr.write(`plumb: ${node} does not run: ${error.message}\n`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
