/** Between owner and channels: requests and answers that are lost, late, refused or stale. */
import type { Channel } from './channel.ts';
import { minute } from './conditions.ts';
import type { Owners, Sent } from './owner.ts';
import type { World } from './world.ts';

/** A request travels, takes effect, and its answer travels back; each may fail. */
export function send(world: World, owners: () => Owners, sent: Sent): void {
  const channel = world.channels[sent.cell]!;
  const { terms } = channel;
  const { name, request } = sent;
  const { dice } = world;
  let isAnswered = false;
  world.in(terms.answerMs, () => {
    if (!isAnswered) owners().deliver({ type: 'write.unanswered', cell: sent.cell, id: request.id });
  });
  if (world.fault('lostBefore', name)) {
    world.tell('network', () => `loses request ${name}`);
    return;
  }
  const isLate = world.fault('late', name);
  const travelMs = isLate ? dice.whole(`travel ${name}`, 0, Math.max(0, request.until - world.now)) : dice.whole(`travel ${name}`, 30, 800);
  if (world.fault('race', `before ${name}`)) world.in(Math.max(0, travelMs - 1), () => world.sell(channel, `order before ${name}`, 1));
  world.in(travelMs, () => {
    if (!world.intents.has(request.id)) world.violated('I4', `${name} was never stored`);
    const isThrottled = !terms.keepsRefusals && world.fault('throttled', name);
    const reply = isThrottled ? { outcome: 'refused' as const } : terms.queued ? { outcome: 'accepted' as const } : channel.take(request, world.now);
    world.note(channel);
    world.tell(channel.id, () => `${reply.outcome} ${name}; shows ${channel.quantity}`);
    if (terms.queued && !isThrottled) queue(world, channel, sent);
    if (world.fault('race', `after ${name}`)) world.in(1, () => world.sell(channel, `order after ${name}`, 1));
    if (world.fault('lostAfter', name)) {
      world.tell('network', () => `loses the answer to ${name}`);
      return;
    }
    const backMs = dice.whole(`back ${name}`, 30, 800);
    if (world.now + backMs - sent.sentAt >= terms.answerMs) return;
    world.in(backMs, () => {
      isAnswered = true;
      sent.answered({ type: 'write.answered', cell: sent.cell, id: request.id, ...reply });
    });
  });
}

/** Accepted, and applied some time before `until`; or dropped without a word. */
function queue(world: World, channel: Channel, { name, request }: Sent): void {
  const ms = world.dice.whole(`queue ${name}`, 0, world.dice.whole(`slow ${name}`, 0, 3) === 0 ? Math.max(0, request.until - world.now) : minute);
  if (world.fault('dropped', name)) {
    world.tell(channel.id, () => `drops ${name} without a word`);
    return;
  }
  world.at(Math.min(request.until, world.now + ms), () => {
    channel.take(request, world.now);
    world.note(channel);
    world.tell(channel.id, () => `applies ${name}; shows ${channel.quantity}`);
  });
}

/** What a channel shows, or showed. */
export function read(world: World, owners: () => Owners, cell: string, name: string): void {
  const channel = world.channels[cell]!;
  const askedAt = world.now;
  world.in(world.dice.whole(`read ${name}`, 50, 900), () => {
    const age = world.fault('stale', name) ? world.dice.whole(`age ${name}`, 0, channel.terms.staleMs) : 0;
    const { quantity, version, count } = world.shownAt(channel, Math.max(0, (age > 0 ? askedAt : world.now) - age));
    world.tell(channel.id, () => `is read: ${quantity}${age > 0 ? `, as of ${Math.round(age / 1000)} s ago` : ''}`);
    owners().deliver({ type: 'cell.read', cell, value: quantity, at: askedAt, ...(channel.kind === 'version' && { version: String(version) }), ...(count !== undefined && { sold: world.design.liars ? world.dice.whole(`lie ${name}`, 0, 20) : count }) });
  });
}

