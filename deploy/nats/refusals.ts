/** What the broker does not allow: it tells the connection, while whoever asked only hears nothing. */
import { PermissionViolationError } from 'nats';
import type { NatsConnection } from 'nats';

/** Resolves when the connection is closed. */
export async function eachRefusal(nc: NatsConnection, take: (refusal: { operation: 'publish' | 'subscription'; subject: string }) => void): Promise<void> {
  for await (const status of nc.status()) if (status.type === 'error' && status.error instanceof PermissionViolationError) take(status.error);
}

/** For people, behind "the broker does not allow these keys". */
export function refusalText({ operation, subject }: { operation: string; subject: string }): string {
  return `to ${operation === 'publish' ? 'publish' : 'hear'} ${subject}`;
}
