/**
 * What of a node's configuration decides how SKU journals fold. Stored with its history, so that a journal can be
 * folded again as it was folded then, by whoever has the broker's address and no configuration.
 */
import type { SkuPorts } from '../actors/sku/ports.ts';
import type { Stock } from '../actors/sku/protocol.ts';
import type { Config } from '../config/config.ts';
import type { ActorKind } from '../runtime/actor.ts';
import { PublishError } from '../runtime/publisher.ts';
import type { Records } from '../runtime/records.ts';
import { signer } from '../runtime/signature.ts';
import { skuSettingsSubject } from '../runtime/subjects.ts';
import { exposureSettings } from './exposure-terms.ts';
import { skuKind } from './sku-kind.ts';

export interface SkuSettings extends Omit<SkuPorts, 'sign'> {
  /** Channel of each account, for the readable part of signatures. */
  channels: Record<string, string>;
}

export function skuSettings(config: Config): SkuSettings {
  const { accounts, sources, debounce, askMs, gapMs, orders } = config;
  return {
    debounce,
    askMs,
    gapMs,
    openMaxMs: orders.openMaxMs,
    exposure: exposureSettings(config),
    sources: Object.fromEntries(sources.map(({ source, order, inOrder, floor, ordersIn }) => [source, { order, inOrder, floor, ordersIn }])),
    channels: Object.fromEntries(accounts.map(({ account, channel }) => [account, channel])),
  };
}

export function kindUnder({ channels, ...ports }: SkuSettings): ActorKind<Stock> {
  return skuKind({ ...ports, sign: signer(account => channels[account]) });
}

/**
 * Stores the settings where they differ from the newest ones that any node had.
 *
 * @throws {PublishError} when the broker does not answer
 */
export async function recordSettings(records: Records, settings: SkuSettings): Promise<void> {
  for (;;) {
    const { value, revision } = await records.read<SkuSettings>(skuSettingsSubject);
    if (JSON.stringify(value) === JSON.stringify(settings)) return;
    try {
      await records.put(skuSettingsSubject, settings, revision);
      return;
    } catch (error) {
      // Nodes start together: whoever is second looks again.
      if (!(error instanceof PublishError && error.isConflict)) throw error;
    }
  }
}
