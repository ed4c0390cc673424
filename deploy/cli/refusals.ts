/** How a command tells that its keys do not allow what it does. */
import type { NatsConnection } from 'nats';

const whoMay = 'docs/security.md tells whose keys may';

/** Each kind of subject once: what comes behind the first four tokens is of one question alone. */
export async function tellRefusals(nc: NatsConnection, tell: (line: string) => void): Promise<void> {
  const { eachRefusal, refusalText } = await import('../nats/refusals.ts');
  const told = new Set<string>();
  await eachRefusal(nc, refusal => {
    const kind = refusal.subject.split('.').slice(0, 4).join('.');
    if (told.has(kind)) return;
    told.add(kind);
    tell(`the broker does not allow these keys ${refusalText(refusal)}: ${whoMay}`);
  });
}

/** Ops and sources are in accounts of their own, where nothing is refused: nobody answers there. */
export function hintOf(error: unknown): string {
  const hasKeys = (process.env.NATS_NKEY ?? process.env.NATS_CREDS) !== undefined;
  return hasKeys && isIn(error, unanswered) ? `  or these keys are not for this command: ${whoMay}\n` : '';
}

/** What the broker did, or did not do: where that was asked for tells nobody anything. */
export function isOfBroker(error: unknown): boolean {
  return isIn(error, ofBroker);
}

interface Named { name: string; code?: unknown; cause?: unknown }

/** JetStream's err_code for an account that has none. */
const noJetStream = 10039;
const unanswered = ({ name, code }: Named): boolean => name === 'NoResponders' || name === 'JetStreamNotEnabled' || code === noJetStream || (name === 'PublishError' && code === 503);
const ofBroker = ({ name }: Named): boolean => ['NoResponders', 'JetStreamNotEnabled', 'PermissionViolationError', 'PublishError'].includes(name);

function isIn(error: unknown, holds: (each: Named) => boolean): boolean {
  return error instanceof Error && (holds(error) || isIn(error.cause, holds));
}
