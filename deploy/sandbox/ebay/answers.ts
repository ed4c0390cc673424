/** eBay's own words: error objects, and the answers to a bad token and to a call over its rate. */

export interface EbayError {
  errorId: number;
  domain: string;
  category: 'REQUEST' | 'APPLICATION' | 'SYSTEM';
  message: string;
  longMessage?: string;
  parameters?: { name: string; value: string }[];
}

const texts: Record<number, string> = {
  25001: 'A system error has occurred.',
  25002: 'A user error has occurred.',
  25004: 'Invalid quantity.',
  25019: 'Cannot revise listing.',
  25096: 'This listing is on hold due to a policy violation. You may revise it to resolve the situation. Please check your email for more information.',
  25702: 'SKU could not be found or is not available in the system.',
  25706: 'You have provided invalid pagination values.',
  25707: 'This is an invalid value for a SKU.',
  25709: 'Invalid value for field.',
  25710: "We didn't find the resource/entity you are requesting. Please verify the request.",
  25713: 'This Offer is not available.',
  25727: 'The number of InventoryItems in the request exceeds the limit.',
  25734: 'SKU should be unique in the request.',
  30500: 'System error',
  30700: 'Invalid filter name',
  30800: 'Invalid filter value',
  30810: 'Invalid date format',
  30820: 'Start date is missing',
  30830: "Time range between start date and end date must be within '2' years.",
  30840: 'Start date should be before end date',
  30850: "Start and end dates can't be in the future",
  30900: 'Exceeded maximum number of order IDs (the current limit is 50)',
  31000: 'Invalid offset',
  31100: 'Invalid limit',
};

/** ebay.md 5: the body of an error; `name` and `value` say what it is about. */
export function error(errorId: number, name?: string, value?: unknown, hint?: string): EbayError {
  const message = texts[errorId] ?? 'Error';
  return {
    errorId,
    domain: errorId >= 30_000 ? 'API_FULFILLMENT' : 'API_INVENTORY',
    category: errorId === 25001 || errorId === 30500 ? 'APPLICATION' : 'REQUEST',
    message,
    longMessage: hint ? `${message} ${hint}` : message,
    ...(name !== undefined && { parameters: [{ name, value: String(value) }] }),
  };
}

/** ebay.md 1: a token that is wrong or over. */
export const unauthorized = {
  errors: [{
    errorId: 1001, domain: 'OAuth', category: 'REQUEST', message: 'Invalid access token',
    longMessage: 'Invalid access token. Check the value of the Authorization HTTP request header.',
  }],
};

/** ebay.md 4: the same for a burst and for the day's quota, and no Retry-After. */
export const tooMany = {
  errors: [{
    errorId: 2001, domain: 'ACCESS', category: 'REQUEST', message: 'Too many requests.',
    longMessage: 'The request limit has been reached for the resource.',
  }],
};
