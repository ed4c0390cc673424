/**
 * Out-of-stock control, a preference of the seller's: without it a listing that reaches 0 ends and loses its id, with it the
 * listing is hidden until there is stock again (ebay.md 0.8, 6.1). Only the older Trading API tells of it, in XML.
 */
import type { AccountCheck, Call, ChannelAdapter } from '../../adapter.ts';
import { AuthError, RetryableError } from '../../../errors.ts';
import type { EbayClient } from './client.ts';
import { refusedToken } from './trading-errors.ts';
import { answered, request } from './xml.ts';

const name = 'out-of-stock control';
const body = request('GetUserPreferences', { ShowOutOfStockControlPreference: 'true' });

export function checksOf(client: EbayClient): NonNullable<ChannelAdapter['checks']> {
  return {
    operation: { limit: 'trading', cost: 1, batch: 1 },
    async ask(call: Call): Promise<AccountCheck[]> {
      const answer = await client.trade('GetUserPreferences', body, call);
      const root = answered(answer.text);
      const code = root?.text('Errors', 'ErrorCode');
      const what = `GetUserPreferences: ${answer.status} ${root?.text('Ack') ?? 'without an Ack'} ${code ?? ''} ${root?.text('Errors', 'ShortMessage') ?? ''}`.trimEnd();
      if (refusedToken.test(answer.text)) throw new AuthError(what, { status: answer.status, ...(code !== undefined && { code }) });
      const told = root?.text('OutOfStockControlPreference');
      if (answer.status !== 200 || told === undefined) throw new RetryableError(what, { status: answer.status, code: code ?? 'shape' });
      return [told === 'true'
        ? { name, ok: true, told: 'on: a listing at 0 stays' }
        : { name, ok: false, told: 'off: a listing that reaches 0 ends and loses its id. Switch it on in My eBay, selling preferences' }];
    },
  };
}
