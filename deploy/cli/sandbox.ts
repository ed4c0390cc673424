/** `plumb sandbox`: the marketplaces on loopback, to develop against or to look at. */
import { Command } from 'commander';
import { UsageError } from './exit.ts';
import { number } from './numbers.ts';

interface SandboxOptions { clock: number; port: number; json?: boolean }

export function sandboxCommand(): Command {
  return new Command('sandbox')
    .description('Serves a sandbox marketplace of each channel on loopback until Ctrl-C, and prints how to reach them.')
    .option('--clock <k>', 'how many times faster than the vendors\' their clocks run', number({ least: 0.001 }), 1)
    .option('--port <n>', 'first of six ports in a row; 0 takes free ones', number({ least: 0, most: 65_530, whole: true }), 0)
    .option('--json', 'print urls, credentials and settings as one line of JSON')
    .addHelpText('after', `
Each listens for its vendor's API, and under /_sandbox for its operator:
  curl -X POST URL/_sandbox/listings -H 'content-type: application/json' -d '[{"sku":"A-1","quantity":5}]'
  curl -X POST URL/_sandbox/buy      -H 'content-type: application/json' -d '{"buyer":"me","lines":[{"sku":"A-1","units":1}]}'
  curl -X POST URL/_sandbox/faults   -H 'content-type: application/json' -d '{"kind":"throttle","forMs":5000}'
  curl -X POST URL/_sandbox/hooks    -H 'content-type: application/json' -d '{"url":"http://127.0.0.1:8090/hooks/ACCOUNT"}'
  curl URL/_sandbox/listings         curl URL/_sandbox/ledger`)
    .action(async ({ clock, port, json }: SandboxOptions) => {
      const { startSandboxes } = await import('../sandbox/main.ts');
      const { channels } = await import('../sandbox/registry.ts');
      const { underParent } = await import('../demo/child.ts');
      const accounts = channels.map((channel, n) => ({ account: channel, channel, port: port && port + n }));
      const sandboxes = await startSandboxes({ scale: clock, accounts }).catch((cause: Error) => {
        throw new UsageError(`the sandboxes did not start: ${cause.message}`, { cause });
      });
      underParent(() => sandboxes.close());
      if (json) process.stdout.write(`${JSON.stringify({ accounts: sandboxes.accounts })}\n`);
      else for (const { channel, url, credentials } of sandboxes.accounts) {
        process.stdout.write(`${channel.padEnd(14)} ${url}\n`);
        for (const [name, value] of Object.entries(credentials)) process.stdout.write(`${' '.repeat(15)}${name}: ${value}\n`);
      }
    });
}
