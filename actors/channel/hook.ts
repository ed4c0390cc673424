/**
 * Notifications that a channel sends by itself. They are hints: what they name is polled and read, and nothing of what
 * they say is believed. Each channel's `hooks.ts` tells whether one is authentic and what it is about; pure, so that
 * the vendors' sample vectors run through it as they are.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { AccountSettings } from './adapter.ts';

/** One delivery, as it came. */
export interface Hook {
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  body: Uint8Array;
  /** When it came, epoch ms; bears on tokens that end. */
  at?: number;
}

/** What an authentic delivery is about. */
export interface Notice {
  /** The channel's own id of the notification, the same in a repeat. */
  id: string;
  topic: string;
  /** Orders are worth a poll. */
  orders: boolean;
  /** SKUs or vendor ids of listings that are worth a read. */
  listings: string[];
  /** A bulk feed is worth a look. */
  feeds?: true;
}

/** What an account's deliveries are checked by, besides its credentials and settings. */
export interface HookSettings {
  /** eBay: what was registered with the destination, to answer its challenge. */
  verificationToken?: string | undefined;
  endpoint?: string | undefined;
  /** Walmart: the header that was registered (`authHeaderName`), and how what it holds is made (`authMethod`). */
  header?: string | undefined;
  method?: 'HMAC' | 'BASIC_AUTH' | 'OAUTH' | undefined;
  /** Walmart: what was registered for the two others. */
  user?: string | undefined;
  password?: string | undefined;
  /** Shopify: `<shop>.myshopify.com`, where the account's address is another. */
  shop?: string | undefined;
  /** Shopify: the secret before the one in force, which signs on for up to an hour after a rotation. */
  previousSecret?: string | undefined;
}

export interface HookContext {
  account: AccountSettings;
  settings: HookSettings;
  /** A public key by the id that a signature names, for channels that have such; undefined when the channel knows none. */
  keyOf?(id: string): Promise<PublicKey | undefined>;
}

/** As the channel gives it: PEM, and the digest that signatures under it use. */
export interface PublicKey { pem: string; digest: string }

/** Why a delivery is not taken, for the sender: never what would be right. */
export interface Refused { refused: string }

export interface ChannelHooks {
  /** What is not signed is not taken over HTTP: a queue's own policy is its proof. */
  by: 'http' | 'queue';
  /** The vendor's answer to a delivery that was stored. */
  status: 200 | 202 | 204;
  /** The vendor gives up on an answer after so long, ms: the door answers before, whatever the journal does. */
  answerWithinMs: number;
  /** Settings without which no delivery can be checked. */
  wants: readonly (keyof HookSettings)[];
  /** @throws {Error} when a key cannot be had: the sender is asked to come again */
  verify(hook: Hook, context: HookContext): Promise<Refused | undefined>;
  /** Undefined for what is no notification; one about nothing of ours names no orders and no listings. */
  read(hook: Hook, context: HookContext): Notice | Refused;
  /** The body that answers the vendor's question whether the address is ours. */
  challenge?(code: string, settings: HookSettings): object;
  /** The answer to a vendor that asks for a token before it sends anything; undefined where the account's vendor asks for none. */
  token?(hook: Hook, context: HookContext): { access_token: string; token_type: string; expires_in: number } | Refused | undefined;
}

/** Whether two texts are the same, in a time that tells nothing of where they differ. */
export function same(wanted: string, given: string): boolean {
  const fixed = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(fixed(wanted), fixed(given));
}

/** A body as JSON; undefined where it is none. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}
