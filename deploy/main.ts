/** A Plumb node as a process: `PLUMB_CONFIG=plumb.yaml node deploy/main.ts`. Leaves in good order on SIGTERM. */
import { pino } from 'pino';
import { ConfigError, loadConfig } from '../config/config.ts';
import type { Config } from '../config/config.ts';
import { underParent } from './demo/child.ts';
import { startNode } from './node.ts';

function configured(): Config {
  const file = process.env.PLUMB_CONFIG;
  try {
    if (file === undefined || file === '') throw new ConfigError('PLUMB_CONFIG names no configuration file');
    return loadConfig(file);
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
try {
  const node = await startNode(config, log);
  let leaving = false;
  const parent = underParent(() => {
    leaving = true;
    return node.stop();
  });
  parent.ready({ node: node.id });
  void node.closed.then(() => {
    if (leaving) return;
    log.fatal('connection to the broker is closed for good');
    process.exit(1);
  });
} catch (error) {
  log.fatal({ err: error }, 'node could not start');
  process.exit(1);
}
