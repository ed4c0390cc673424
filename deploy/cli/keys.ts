/** `plumb keys`: what the broker's users and the brokers themselves prove who they are by. docs/security.md. */
import { Command } from 'commander';
import { UsageError } from './exit.ts';

interface KeysFlags { host?: string[]; source: string[] }

export function keysCommand(): Command {
  return new Command('keys')
    .description('Makes keys for the users of deploy/nats/accounts.conf, and a certificate for the brokers.')
    .argument('<folder>', 'made where it is missing; what is in it already is left')
    .option('--host <names...>', 'names and addresses of the brokers (default: those of compose.yaml and Kubernetes, and localhost)')
    .option('--source <names...>', 'systems that send messages, each with keys of its own', ['erp'])
    .addHelpText('after', `
<user>.nk is the seed that proves to be a user: for that user alone. nats.env has the public halves, for the brokers, as
are broker.pem, broker.key and ca.pem; ca.pem is for everybody. broker.pem ends after two years: remove it, and run this
again with ca.key, which lies elsewhere until then.

  plumb keys keys                        # deploy/compose.yaml takes them from there
  NATS_NKEY=keys/operator.nk NATS_CA=keys/ca.pem plumb inspect node n1`)
    .action(keys);
}

async function keys(folder: string, { host, source }: KeysFlags): Promise<void> {
  const { brokerHosts, makeKeys, users } = await import('../keys/make.ts');
  for (const name of source) {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw new UsageError(`--source must be lower case letters, digits and dashes, got ${JSON.stringify(name)}`);
    if (['ca', 'broker', ...users].includes(name)) throw new UsageError(`--source: ${JSON.stringify(name)} is the name of a user or a certificate that is made anyway`);
  }
  const made = await makeKeys({ folder, sources: source, hosts: host ?? brokerHosts, now: new Date() }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.name === 'KeysError') throw new UsageError(cause.message, { cause });
    if (cause.code !== undefined) throw new UsageError(`${folder}: ${cause.message}`, { cause });
    throw cause;
  });
  process.stdout.write(made.length === 0 ? `${folder} had everything\n` : `${folder}: made ${made.join(', ')}\n`);
}
