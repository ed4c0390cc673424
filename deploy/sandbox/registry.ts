/** Which sandbox stands for which channel. */
import { amazonSandbox } from './amazon.ts';
import { bazaarSandbox } from './bazaar.ts';
import { ebaySandbox } from './ebay.ts';
import type { SandboxFactory } from './kit/server.ts';
import { mercadolibreSandbox } from './mercadolibre.ts';
import { shopifySandbox } from './shopify.ts';
import { walmartSandbox } from './walmart.ts';

const sandboxes = {
  amazon: amazonSandbox,
  walmart: walmartSandbox,
  shopify: shopifySandbox,
  mercadolibre: mercadolibreSandbox,
  ebay: ebaySandbox,
  'generic-rest': bazaarSandbox,
} as const satisfies Record<string, SandboxFactory>;

export type Channel = keyof typeof sandboxes;

export const channels = Object.keys(sandboxes) as [Channel, ...Channel[]];

export function sandboxOf(channel: Channel): SandboxFactory {
  return sandboxes[channel];
}
