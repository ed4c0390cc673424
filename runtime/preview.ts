/** What a source's messages would say, asked of its owner and applied nowhere: `control.source.<source>`. */
import type { NatsConnection, Subscription } from 'nats';
import { z } from 'zod';
import type { Move, MoveLimit } from '../actors/channel/governor.ts';
import type { Mapping } from '../actors/sku/ingest/mapping.ts';
import type { NativeFact } from '../actors/sku/ingest/native.ts';
import { escapeKey, skuSubject } from './subjects.ts';

export const sourceControl = (source: string): string => `control.source.${escapeKey(source)}`;

const requestSchema = z.strictObject({
  verb: z.literal('preview'),
  messages: z.array(z.strictObject({ text: z.string(), contentType: z.string().optional(), position: z.string().optional(), seq: z.number().int().min(0).optional() })).max(1_000),
});

export type PreviewRequest = z.input<typeof requestSchema>;

/** Numbers that the messages state, and how many of them state none or are refused. */
export interface Preview {
  ok: true;
  counts: { sku: string; location: string; quantity: number; position: unknown; price?: number }[];
  others: number;
  /** Where those others stand. */
  othersAt: unknown[];
  refused: number;
  /** Past which a person has to look first. */
  limits: Record<Move, MoveLimit>;
}

interface PreviewPorts {
  source: string;
  parse(source: string, text: string): NativeFact;
  mapping?: Mapping | undefined;
  limits: Record<Move, MoveLimit>;
  priceOf(sku: string): number | undefined;
  now(): number;
}

export function servePreview(nc: NatsConnection, ports: PreviewPorts): Subscription {
  return nc.subscribe(sourceControl(ports.source), { callback: (error, message) => {
    if (!error) void answer(message.string(), ports).catch((failure: unknown) => ({ ok: false, error: (failure as Error).message })).then(told => message.respond(JSON.stringify(told)));
  } });
}

async function answer(text: string, { source, parse, mapping, limits, priceOf, now }: PreviewPorts): Promise<Preview> {
  const { messages } = requestSchema.parse(JSON.parse(text));
  const preview: Preview = { ok: true, counts: [], others: 0, othersAt: [], refused: 0, limits };
  const take = ({ sku, fact }: { sku: string; fact: object }): void => {
    const { type, quantity, location = '', position = null } = fact as { type: string; quantity: number; location?: string; position?: unknown };
    // One that no journal takes is refused there.
    skuSubject(sku);
    if (type !== 'stock.counted') {
      preview.others += 1;
      preview.othersAt.push(position);
      return;
    }
    const price = priceOf(sku);
    preview.counts.push({ sku, location, quantity, position, ...(price !== undefined && { price }) });
  };
  for (const { text: raw, seq = 0, ...meta } of messages) {
    try {
      if (!mapping) take(parse(source, raw));
      else {
        const { events, refusals } = await mapping.map({ text: raw, seq, at: now(), ...given(meta) });
        events.forEach(take);
        preview.refused += refusals.length;
      }
    } catch {
      preview.refused += 1;
    }
  }
  return preview;
}

function given({ contentType, position }: { contentType?: string | undefined; position?: string | undefined }): { contentType?: string; position?: string } {
  return { ...(contentType !== undefined && { contentType }), ...(position !== undefined && { position }) };
}

const answerWithinMs = 2_000;

/**
 * Whether the source's owner understands a message that it once refused, and what it says stands where the message itself
 * says: told again now it is no newer than it was, so that nothing which came since is undone.
 */
export async function isUnderstood(nc: NatsConnection, source: string, { text, contentType, position }: { text: string; contentType?: string; position?: string }): Promise<boolean> {
  const message = { text, ...given({ contentType, position }) };
  const request: PreviewRequest = { verb: 'preview', messages: [{ ...message, seq: 1 }] };
  const ask = async (body: PreviewRequest): Promise<Preview | undefined> => {
    const answer = (await nc.request(sourceControl(source), JSON.stringify(body), { timeout: answerWithinMs })).json<Preview | { ok: false }>();
    return answer.ok ? answer : undefined;
  };
  const early = await ask(request);
  if (!early || early.refused > 0 || early.counts.length + early.others === 0) return false;
  const late = await ask({ ...request, messages: [{ ...message, seq: Number.MAX_SAFE_INTEGER }] });
  return JSON.stringify(late) === JSON.stringify(early);
}
