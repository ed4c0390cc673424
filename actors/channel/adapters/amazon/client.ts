/** One call to the Selling Partner API: token, headers, what the answer told about the limit. */
import type { AdapterPorts, Call } from '../../adapter.ts';
import { exchange } from '../http.ts';
import type { Answer } from '../http.ts';
import type { Auth } from './auth.ts';
import { refusesToken } from './errors.ts';
import type { AmazonSettings } from './settings.ts';

/** As the models name them; each has its own bucket. */
export type OperationName =
  | 'patchListingsItem' | 'getListingsItem' | 'searchListingsItems' | 'searchOrders'
  | 'createFeedDocument' | 'createFeed' | 'getFeed' | 'getFeedDocument';

export interface Request {
  operation: OperationName;
  method: 'GET' | 'PATCH' | 'POST';
  /** Percent-encoded. */
  path: string;
  query?: Query;
  body?: unknown;
  /** A repeat or a lost answer changes nothing. */
  safe?: boolean;
  /** What the journal has in place of the answer, which holds a secret. */
  hides?: string;
}

/** A list travels comma-delimited, its entries encoded one by one; what is undefined is left out. */
export type Query = Record<string, string | number | readonly string[] | undefined>;

export type Send = (request: Request, call: Call) => Promise<Answer>;

/** @returns a sender of requests; an answer of any status is returned, only its absence is thrown */
export function client(settings: AmazonSettings, auth: Auth, ports: AdapterPorts): Send {
  const once = async (accessToken: string, { operation, method, path, query, body, safe = false, hides }: Request, call: Call): Promise<Answer> => {
    const answer = await exchange(
      settings.apiOrigin,
      {
        method,
        path: query === undefined ? path : `${path}?${encoded(query)}`,
        safe,
        headers: {
          'x-amz-access-token': accessToken,
          'x-amz-date': new Date(ports.now()).toISOString().replaceAll(/[-:]|\.\d+/g, ''),
          'user-agent': 'Plumb/0.1 (Language=JavaScript; Platform=Node.js)',
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body }),
      },
      hides === undefined ? call : { ...call, onExchange: told => call.onExchange?.({ ...told, ...(told.response !== undefined && told.status !== undefined && told.status < 300 && { response: `(${hides} left out)` }) }) },
      'x-amzn-requestid',
      ports.now,
    );
    meter(operation, answer, call);
    return answer;
  };

  return async (request, call) => {
    const accessToken = await auth.access(call);
    const answer = await once(accessToken, request, call);
    if (!refusesToken(answer)) return answer;
    // The refusal proves that nothing was executed, so the same request may go out once more.
    auth.drop(accessToken);
    return once(await auth.access(call), request, call);
  };
}

function encoded(query: Query): string {
  return Object.entries(query)
    .flatMap(([name, value]) => value === undefined ? [] : [`${name}=${[value].flat().map(v => encodeURIComponent(v)).join(',')}`])
    .join('&');
}

/** The rate is told on 2xx, 400 and 404, when available; what is left of the burst never is. */
function meter(limit: OperationName, answer: Answer, call: Call): void {
  const perSecond = Number(answer.headers['x-amzn-ratelimit-limit']);
  if (answer.status === 429) call.onMeter?.({ limit, remaining: 0 });
  else if (perSecond > 0) call.onMeter?.({ limit, perSecond });
}
