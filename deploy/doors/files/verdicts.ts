/** What became of messages behind the door: the source's owner reads them, and refuses some with a dead letter. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { readAll } from '../../../runtime/read-all.ts';
import { Records } from '../../../runtime/records.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import { channelRecord, escapeKey, streams } from '../../../runtime/subjects.ts';

const lookMs = 100;

/** Waits until the source's owner has read INGEST up to `seq`. @returns false when that takes longer */
export async function isRead(publisher: Publisher, source: string, seq: number, withinMs: number): Promise<boolean> {
  const records = new Records(publisher);
  for (const until = performance.now() + withinMs; ;) {
    const read = (await records.get<{ seq: number }>(channelRecord.state(`source.${source}`)))?.value.seq ?? 0;
    if (read >= seq) return true;
    if (performance.now() >= until) return false;
    await new Promise(resolve => setTimeout(resolve, lookMs));
  }
}

/** The newest sequence of DEAD: what is refused from here on stands behind it. */
export async function lastDead(publisher: Publisher): Promise<number> {
  const reply = await publisher.request(`$JS.API.STREAM.INFO.${streams.dead}`, new Uint8Array());
  return (JSON.parse(Buffer.from(reply).toString()) as { state: { last_seq: number } }).state.last_seq;
}

/** A message that the source's owner refused; `id` and `body` as INGEST has them. */
export interface Refused { id: string; body: string; reason: string }

/** What was refused of messages whose id is `prefix`, or begins with it and a colon, told in DEAD behind `from`; each message once. */
export async function refusals(nc: NatsConnection, source: string, prefix: string, from: number): Promise<Refused[]> {
  const reasons = new Map<number, string>();
  await readAll(nc, { stream: streams.dead, filter: `dead.*.${escapeKey(source)}.>`, from: from + 1 }, refusal => {
    const { seq, message: reason } = refusal.json<{ seq?: number; message?: string }>();
    if (seq !== undefined && reason !== undefined) reasons.set(seq, reasons.has(seq) ? `${reasons.get(seq)}; ${reason}` : reason);
  });
  const { direct } = await jetstreamManager(nc);
  const found: Refused[] = [];
  for (const [seq, reason] of reasons) {
    const message = await direct.getMessage(streams.ingest, { seq });
    const id = message?.header.get('Nats-Msg-Id') ?? '';
    if (id === prefix || id.startsWith(`${prefix}:`)) found.push({ id, body: message!.string(), reason });
  }
  return found;
}
