/** SKU actors as the runtime keeps them. */
import { createSkuMachine } from '../actors/sku/machine.ts';
import { packStock, unpackStock } from '../actors/sku/packing.ts';
import type { PackedStock } from '../actors/sku/packing.ts';
import type { SkuPorts } from '../actors/sku/ports.ts';
import { emptyStock } from '../actors/sku/protocol.ts';
import type { SkuEvent, SkuFact, Stock } from '../actors/sku/protocol.ts';
import type { ActorKind } from '../runtime/actor.ts';
import { stepper } from '../runtime/step.ts';
import { skuAddress } from '../runtime/subjects.ts';

export function skuKind(ports: SkuPorts): ActorKind<Stock> {
  return {
    stepper: stepper<Stock>(createSkuMachine({ addressOf: skuAddress, ...ports })),
    initial: emptyStock,
    event: (body, place): SkuEvent => ({ type: 'facts', told: [{ fact: body as SkuFact, place }] }),
    together: (told): SkuEvent => ({ type: 'facts', told: told.map(({ body, place }) => ({ fact: body as SkuFact, place })) }),
    pack: packStock,
    unpack: stored => unpackStock(stored as PackedStock),
    migrate: record => {
      throw new Error(`SKU record of version ${record.v} cannot be read by this node, which reads version 1`);
    },
  };
}
