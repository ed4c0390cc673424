/**
 * What is left of the day's calls (ebay.md 4): eBay's 429 tells neither whether a burst or the day is over nor for how long,
 * and the day's hour of change differs from application to application. The analytics API tells both, to the application.
 */
import { z } from 'zod';
import type { AdapterPorts, Call, ChannelAdapter } from '../../adapter.ts';
import type { Application } from './application.ts';
import type { Limit } from './client.ts';
import { failureOf } from './errors.ts';
import { parse } from './schemas.ts';

const path = '/developer/analytics/v1_beta/rate_limit/?api_context=sell';
const daySeconds = 86_400;

/** eBay's names of the APIs whose calls are paid from our limits. */
const limits: Readonly<Record<string, Limit>> = { inventory: 'inventory', fulfillment: 'fulfillment' };

export const quotasAnswer = z.object({
  rateLimits: z.array(z.object({
    apiName: z.string().optional(),
    resources: z.array(z.object({
      rates: z.array(z.object({ limit: z.number().int().min(0), remaining: z.number().int().min(0), reset: z.string(), timeWindow: z.number().int() })).optional(),
    })).optional(),
  })).optional(),
});

export function quotasOf(application: Application, ports: AdapterPorts): NonNullable<ChannelAdapter['quotas']> {
  return {
    operation: { limit: 'analytics', cost: 1, batch: 1 },
    async ask(call: Call) {
      const answer = await application.get(path, call);
      // Nothing to tell.
      if (answer.status === 204) return;
      if (answer.status !== 200) throw failureOf(answer, 'GET rate_limit', false);
      for (const { apiName = '', resources = [] } of parse(quotasAnswer, answer, 'GET rate_limit').rateLimits ?? []) {
        const limit = limits[apiName.toLowerCase()];
        const days = resources.flatMap(({ rates = [] }) => rates.filter(({ timeWindow }) => timeWindow === daySeconds));
        // Several resources of one API: the one that ends first is the one that counts.
        const [least] = days.sort((a, b) => a.remaining - b.remaining);
        const resetsInMs = Date.parse(least?.reset ?? '') - ports.now();
        if (!limit || !least || Number.isNaN(resetsInMs)) continue;
        call.onMeter?.({ limit, day: { limit: least.limit, left: least.remaining, resetsInMs: Math.max(0, resetsInMs) } });
      }
    },
  };
}
