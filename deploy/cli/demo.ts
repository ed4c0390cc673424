/** `plumb demo`, which is `npm start`: the whole loop on this machine, with a verdict. */
import { Command, Option } from 'commander';
import { FailedError, UsageError, exitCode } from './exit.ts';
import { number } from './numbers.ts';

interface DemoFlags {
  orders?: string;
  stock?: string;
  adjustments?: string;
  limit?: number;
  speed?: number;
  duration?: number;
  seed: number;
  clock: number;
  mode: 'mirror' | 'escrow' | 'auto';
  scenario: string;
  faults: boolean;
  hiddenSale?: boolean;
  json?: boolean;
  keep?: boolean;
  metrics?: number;
  store?: string;
  logs?: string;
}

const scenarioNames = ['all', 'kill-node', 'hand-edit', 'throttle-storm', 'lost-answer', 'bad-file', 'none'];

export function demoCommand(): Command {
  return new Command('demo')
    .description('Runs the whole loop on this machine: five sandbox marketplaces, an ERP, buyers, three Plumb nodes, faults on purpose, and a verdict.')
    .option('--orders <file>', 'a recorded trace of orders (CSV, gz or plain) instead of generated ones')
    .option('--stock <file>', 'opening stock for the trace (CSV)')
    .option('--adjustments <file>', 'stock adjustments for the trace (CSV)')
    .option('--limit <n>', 'order lines to run', number({ least: 1, whole: true }))
    .option('--speed <n>', 'run trace time n times faster (default: as fast as fits the duration)', number({ least: 0.001 }))
    .option('--duration <s>', 'seconds during which orders come (default: 40; for a trace 80 order lines a second, or what --speed makes of it)', number({ least: 1, most: 86_400 }))
    .option('--seed <n>', 'decides everything that is made up', number({ least: 0, most: 2 ** 32 - 1, whole: true }), 1)
    .option('--clock <k>', 'marketplaces run k times faster than the vendors\'', number({ least: 1, most: 1_000 }), 60)
    .addOption(new Option('--scenario <name>', 'what goes wrong on purpose').choices(scenarioNames).default('all'))
    .option('--no-faults', 'nothing goes wrong on purpose')
    .addOption(new Option('--mode <mode>', 'mirror: every marketplace shows what exists; escrow: each holds units of its own, and none is sold twice; auto: escrow while a SKU is scarce').choices(['mirror', 'auto', 'escrow']).default('mirror'))
    .option('--hidden-sale', 'lie to the referee: sell a unit that no order tells of; the verdict must be no')
    .option('--json', 'progress on stderr, and one JSON object as the last line of stdout')
    .option('--keep', 'keep everything running after the verdict, and print what to try')
    .option('--store <folder>', 'where JetStream stores (default: a temporary folder)')
    .option('--metrics <port>', 'the nodes tell Prometheus their figures at this port and the two after it', number({ least: 1, most: 65_533, whole: true }))
    .option('--logs <folder>', 'keep the logs of all processes there (default: removed at the end)')
    .addHelpText('after', `
Environment: NATS_URL uses a NATS server that runs already (JetStream, without data of Plumb's).
Exit codes: 0 every check holds, 1 a check failed, 2 a wrong flag or a trace that cannot be used.

  npm start
  npm start -- --keep
  npm start -- --json --orders orders.csv.gz --stock opening-stock.csv --limit 20000`)
    .action(async (flags: DemoFlags) => {
      const { stock, adjustments, orders, faults, scenario, duration } = flags;
      if (orders === undefined && (stock ?? adjustments) !== undefined) throw new UsageError('--stock and --adjustments belong to a trace: give --orders too');
      const [{ runDemo }, { NoNatsServerError }, { OccupiedError }, { TraceError }] = await Promise.all([
        import('../demo/demo.ts'), import('../nats/binary.ts'), import('../demo/stage.ts'), import('../demo/csv.ts'),
      ]);
      const ok = await runDemo({
        orders, stock, adjustments, limit: flags.limit, speed: flags.speed, seed: flags.seed, clock: flags.clock, mode: flags.mode,
        durationMs: duration === undefined ? undefined : Math.round(duration * 1000),
        scenario: faults ? scenario as 'all' : 'none',
        hiddenSale: flags.hiddenSale ?? false, json: flags.json ?? false, keep: flags.keep ?? false, metricsPort: flags.metrics,
        natsUrl: process.env.NATS_URL || undefined, storeDir: flags.store, logDir: flags.logs,
      }).catch((error: Error) => {
        if (flags.json) process.stdout.write(`${JSON.stringify({ ok: false, checks: [], figures: {}, error: error.message })}\n`);
        if (error instanceof TraceError || error instanceof OccupiedError) throw new UsageError(error.message, { cause: error });
        if (error instanceof NoNatsServerError) throw new FailedError(error.message, { cause: error });
        // Our own plain errors say what failed; anything else is a bug and keeps its stack.
        if (error.constructor !== Error) throw error;
        throw new FailedError(`${error.message}\n  ${flags.logs ? `logs are in ${flags.logs}` : '--logs FOLDER keeps what the processes wrote'}`, { cause: error });
      });
      process.exit(ok ? exitCode.ok : exitCode.failed);
    });
}
