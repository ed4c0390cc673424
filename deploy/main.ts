/** A Plumb node as a process: `PLUMB_CONFIG=plumb.yaml node deploy/main.ts`. Leaves in good order on SIGTERM. */
import { pino } from 'pino';
import { ConfigError, readConfig } from '../config/file.ts';
import type { Config } from '../config/config.ts';
import { checkConfig } from './config/check.ts';
import { underParent } from './demo/child.ts';
import { realParts, startNode } from './node.ts';
import type { RunningNode } from './node.ts';

/** @throws {ConfigError} */
function reread(): Config {
  const file = process.env.PLUMB_CONFIG;
  if (file === undefined || file === '') throw new ConfigError('PLUMB_CONFIG names no configuration file');
  const read = readConfig(file);
  checkConfig(read);
  return read.config;
}

function configured(): Config {
  try {
    return reread();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

const config = configured();
const log = pino({
  level: config.log.level,
  base: { node: config.node.id },
  redact: ['*.credentials', '*.accessToken', '*.refreshToken', '*.headers.authorization'],
});
let node: RunningNode | undefined;
// One that comes while the node starts is no end of it.
process.on('SIGHUP', () => { void node?.reload(); });
try {
  const running = node = await startNode(config, log, { ...realParts, reread });
  let leaving = false;
  const parent = underParent(() => {
    leaving = true;
    return running.stop();
  });
  parent.ready({ node: running.id });
  void running.closed.then(() => {
    if (leaving) return;
    log.fatal('connection to the broker is closed for good');
    process.exit(1);
  });
} catch (error) {
  log.fatal({ err: error }, 'node could not start');
  process.exit(1);
}
