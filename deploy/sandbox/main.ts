/**
 * Serves marketplace sandboxes, one port each, in one process. The only argument is JSON (`SandboxConfig`); what an
 * adapter needs to reach them goes to the supervisor, or to stdout when there is none.
 */
import { z } from 'zod';
import { underParent } from '../demo/child.ts';
import { SandboxClock } from './kit/clock.ts';
import { startSandbox } from './kit/server.ts';
import type { RunningSandbox, SandboxVendor } from './kit/server.ts';
import { channels, sandboxOf } from './registry.ts';

export const sandboxConfig = z.strictObject({
  /** How many times faster than the vendors' the marketplaces' clocks run. */
  scale: z.number().positive().default(1),
  accounts: z.array(z.strictObject({
    account: z.string().regex(/^[a-z0-9-]+$/i),
    channel: z.enum(channels),
    /** 0 takes a free one. */
    port: z.number().int().min(0).max(65_535).default(0),
  })).min(1).default(channels.map(channel => ({ account: channel, channel, port: 0 }))),
});

export type SandboxConfig = z.input<typeof sandboxConfig>;

/** How to reach one sandbox account: everything that an `AccountSettings` needs. */
export interface SandboxAccount {
  account: string;
  channel: string;
  /** Origin of the vendor's API; the admin side is under `/_sandbox`. */
  url: string;
  credentials: Record<string, string>;
  settings: Record<string, unknown>;
}

export interface RunningSandboxes {
  accounts: SandboxAccount[];
  /** Credentials and every token handed out so far. */
  secrets(): string[];
  /** The marketplaces' clocks run so many times faster from now on. */
  setScale(scale: number): void;
  close(): Promise<void>;
}

/** @throws {z.ZodError} for a config that is none; {Error} when a port is taken (nothing is left running) */
export async function startSandboxes(config: SandboxConfig): Promise<RunningSandboxes> {
  const { scale, accounts: wanted } = sandboxConfig.parse(config);
  const clock = new SandboxClock(scale);
  const running: { vendor: SandboxVendor; sandbox: RunningSandbox }[] = [];
  const close = async (): Promise<void> => { await Promise.all(running.map(({ sandbox }) => sandbox.close())); };
  try {
    for (const { account, channel, port } of wanted) {
      const vendor = sandboxOf(channel)({ account, clock });
      running.push({ vendor, sandbox: await startSandbox(vendor, port) });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    close,
    setScale: scale => { clock.scale = scale; },
    secrets: () => running.flatMap(({ vendor }) => vendor.secrets()),
    accounts: running.map(({ vendor, sandbox }) => ({
      account: sandbox.account, channel: sandbox.channel, url: sandbox.url, credentials: vendor.credentials, settings: vendor.settings,
    })),
  };
}

if (import.meta.main) {
  const sandboxes = await startSandboxes(JSON.parse(process.argv[2] ?? '{}') as SandboxConfig);
  const parent = underParent(() => sandboxes.close());
  parent.onMessage(({ type, scale }) => {
    if (type === 'secrets') parent.tell({ type: 'secrets', secrets: sandboxes.secrets() });
    if (type === 'clock') sandboxes.setScale(scale as number);
  });
  parent.ready({ accounts: sandboxes.accounts });
  if (!process.connected) process.stdout.write(`${JSON.stringify({ accounts: sandboxes.accounts })}\n`);
}
