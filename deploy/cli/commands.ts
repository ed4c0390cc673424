/** Every subcommand of `plumb`, in the order of its help. */
import type { Command } from 'commander';
import { archiveCommand } from './archive.ts';
import { channelCommand } from './channel.ts';
import { configCommand } from './config.ts';
import { consoleCommand } from './console.ts';
import { deadCommand } from './dead.ts';
import { decodeCommand } from './decode.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { exposureCommand } from './exposure.ts';
import { goliveCommand } from './golive.ts';
import { holdCommand } from './hold.ts';
import { ingestCommand } from './ingest.ts';
import { inspectCommand } from './inspect.ts';
import { keysCommand } from './keys.ts';
import { listingsCommand } from './listings.ts';
import { nodeCommand } from './node.ts';
import { rebuildCommand } from './rebuild.ts';
import { reconcileCommand } from './reconcile.ts';
import { releaseCommand } from './release.ts';
import { replayCommand } from './replay.ts';
import { rulesCommand } from './rules.ts';
import { sandboxCommand } from './sandbox.ts';
import { shadowCommand } from './shadow.ts';
import { sourceCommand } from './source.ts';
import { stopCommands } from './stop.ts';
import { traceCommand } from './trace.ts';

export function allCommands(): Command[] {
  return [
    demoCommand(),
    nodeCommand(),
    sandboxCommand(),
    ingestCommand(),
    sourceCommand(),
    rulesCommand(),
    channelCommand(),
    configCommand(),
    keysCommand(),
    listingsCommand(),
    reconcileCommand(),
    shadowCommand(),
    goliveCommand(),
    doctorCommand(),
    consoleCommand(),
    inspectCommand(),
    exposureCommand(),
    traceCommand(),
    replayCommand(),
    archiveCommand(),
    exportCommand(),
    rebuildCommand(),
    deadCommand(),
    holdCommand(),
    ...stopCommands(),
    releaseCommand(),
    decodeCommand(),
  ];
}
