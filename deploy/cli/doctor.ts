/** `plumb doctor`: is everything there that a node rests on, and can its promises be kept. */
import { Command } from 'commander';
import { FailedError, UsageError } from './exit.ts';

interface DoctorOptions { config?: string; channels: boolean; json?: boolean }

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Looks at broker, streams, flushing, disk, clock, permissions, tokens, rates and sources, and says what to do: docs/doctor.md.')
    .option('-c, --config <file>', 'YAML or JSON configuration (default: PLUMB_CONFIG)')
    .option('--no-channels', 'do not ask channels whose account no node keeps')
    .option('--json', 'one line of JSON, for scripts')
    .addHelpText('after', '\nExit codes: 0 nothing failed, 1 something did, 2 the configuration cannot be read.')
    .action(run);
}

async function run({ config: given, channels, json }: DoctorOptions): Promise<void> {
  const { ConfigError, readConfig } = await import('../../config/file.ts');
  const { examine } = await import('../doctor/doctor.ts');
  const { findingsText } = await import('../doctor/finding.ts');
  const { AccessError } = await import('../nats/access.ts');
  const path = given ?? process.env.PLUMB_CONFIG;
  if (!path) throw new UsageError('no configuration: give --config FILE or PLUMB_CONFIG');
  try {
    const findings = await examine(readConfig(path), { now: Date.now, asksChannels: channels });
    const failed = findings.filter(({ state }) => state === 'fail').length;
    process.stdout.write(json ? `${JSON.stringify({ failed, findings })}\n` : findingsText(findings));
    if (failed > 0) throw new FailedError(`${failed} ${failed === 1 ? 'check' : 'checks'} failed`);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof AccessError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
