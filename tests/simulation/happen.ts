/** What a plan says, done to a world. */
import type { ShopOrderLine } from '../../deploy/sandbox/kit/shop.ts';
import { noticedWithinMs } from './plan.ts';
import type { Act } from './plan.ts';
import type { World } from './world.ts';

/** By then a sale is known, written everywhere, and taken in by the ERP perhaps, ms. */
const longAgoMs = 20_000;

/** @returns whether anything came of it */
export function happen(world: World, act: Act): boolean {
  const { machine, erp, broker, marketplaces, dooms, slow } = world;
  const later = (ms: number, run: () => void): void => machine.after(ms, machine.outside, run);
  switch (act.kind) {
    case 'buy': return marketplaces[act.account]!.shop.buy('buyer', [{ sku: act.sku, units: act.units }]).order !== undefined;
    case 'cancel': case 'ship': {
      const { shop } = marketplaces[act.account]!;
      const order = [...shop.orders.values()][act.order % Math.max(1, shop.orders.size)];
      if (!order) return false;
      const [first] = order.lines as [ShopOrderLine];
      const { line, sku } = first;
      if (act.kind === 'cancel' || world.plan.mode === 'mirror' || !shop.gross) return shop[act.kind](order.orderId, line) > 0;
      // In escrow a warehouse asks before it closes an order of a channel that shows the unit again then (P10).
      const id = `${act.account}/${order.orderId}/${line}`;
      if (world.packed.has(id)) return false;
      world.packed.add(id);
      erp.askToShip(sku, id, () => world.permitted.has(id) || first.cancelled === first.units);
      return true;
    }
    case 'payment': return marketplaces[act.account]!.payments.begin(act);
    case 'late order': {
      const marketplace = marketplaces[act.account]!;
      const { order } = marketplace.shop.buy('buyer', [{ sku: act.sku, units: act.units }]);
      if (!order) return false;
      marketplace.hide(order.orderId, act.lateMs);
      world.hit('*', act.lateMs + noticedWithinMs);
      return true;
    }
    case 'take back': {
      const { shop } = marketplaces[act.account]!;
      const old = [...shop.orders.values()].filter(({ createdAt }) => createdAt < machine.wall - longAgoMs);
      const order = old[act.order % Math.max(1, old.length)];
      if (!order || shop.cancel(order.orderId, order.lines[0]!.line, act.units, act.restocks) === 0) return false;
      // Plumb takes it for put back.
      if (!act.restocks) world.hit(act.account, noticedWithinMs);
      return true;
    }
    case 'relist': marketplaces[act.account]!.relist(act.sku, act.isTold); return true;
    case 'revoke':
      marketplaces[act.account]!.trouble({ kind: 'revoked', on: 'any', forMs: act.forMs });
      world.hit('*', act.forMs + noticedWithinMs);
      return true;
    case 'count': erp.count(act.sku, act.by, act.fate); return true;
    case 'adjust': erp.adjust(act.sku, act.by, act.fate); return true;
    case 'take in': erp.takeIn(act.sku, act.account, act.fate); return true;
    case 'babble': erp.babble(act.text); return true;
    case 'repeat': erp.repeat(act.messages); return true;
    case 'edit': {
      const { shop } = marketplaces[act.account]!;
      world.meddle(act);
      world.hit(act.account, noticedWithinMs);
      shop.edit(act.sku, shop.listings.get(act.sku)!.quantity + act.by);
      return true;
    }
    case 'close': {
      const { shop } = marketplaces[act.account]!;
      world.meddle(act);
      world.hit(act.account, act.forMs + noticedWithinMs);
      shop.setActive(act.sku, false);
      later(act.forMs, () => shop.setActive(act.sku, true));
      return true;
    }
    case 'stale': marketplaces[act.account]!.shop.faults.add({ kind: 'stale-read', ageMs: act.ageMs, forMs: act.forMs }); world.hit(act.account, act.forMs + noticedWithinMs); return true;
    case 'drop': marketplaces[act.account]!.shop.faults.add({ kind: 'drop-write', count: 1 }); world.hit(act.account, Infinity); return true;
    case 'trouble':
      marketplaces[act.account]!.trouble(act.trouble);
      // What is sold there is learnt late everywhere.
      world.hit(act.trouble.on === 'write' || act.trouble.on === 'read' ? act.account : '*', Math.max(act.trouble.forMs ?? 0, act.trouble.lateMs ?? 0) + noticedWithinMs);
      return true;
    case 'crash': {
      const node = world.node(act.node);
      if (node.isAlive) dooms.set(act.node, { left: act.after, at: act.at_, isDone: act.isDone, downMs: act.downMs });
      return node.isAlive;
    }
    case 'pause': {
      const node = world.node(act.node);
      if (node.process.state !== 'running') return false;
      node.pause();
      world.disturb(act.forMs);
      later(act.forMs, () => node.wake());
      return true;
    }
    case 'leave': {
      const node = world.node(act.node);
      if (!node.running || node.process.state !== 'running') return false;
      node.leave();
      world.disturb(5_000 + act.downMs);
      later(5_000 + act.downMs, () => { node.kill(); node.start(); });
      return true;
    }
    case 'silence': case 'cut': {
      const { link } = world.node(act.node);
      if (link.state !== 'up') return false;
      link.state = act.kind === 'silence' ? 'silent' : 'cut';
      world.disturb(act.forMs);
      later(act.forMs, () => { link.state = 'up'; });
      return true;
    }
    case 'slow link':
      slow.set(act.node, { byMs: act.byMs, until: machine.now + act.forMs });
      world.disturb(act.forMs);
      return true;
    case 'skew': world.node(act.node).process.skewMs = act.byMs; return true;
    case 'broker':
      if (!broker.isUp) return false;
      broker.kill();
      world.disturb(act.downMs);
      later(act.downMs, () => broker.restart());
      return true;
    case 'power cut':
      if (!broker.isUp) return false;
      broker.kill();
      world.tell('broker', `loses ${broker.lose(act.lostMs)} messages that it had acknowledged`);
      world.disturb(act.downMs);
      later(act.downMs, () => broker.restart());
      return true;
    case 'busy broker':
      broker.busyMs = act.byMs;
      world.disturb(act.forMs);
      later(act.forMs, () => { broker.busyMs = 0; });
      return true;
  }
}
