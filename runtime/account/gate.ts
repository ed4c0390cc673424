/** The last place before a call that changes a listing: what is not live is refused there, whoever asked for it. */
import type { ChannelAdapter, WriteEntry } from '../../actors/channel/adapter.ts';
import { RetryableError } from '../../actors/errors.ts';

/** The same adapter, through which nothing is written of a SKU that is not live. */
export function gated(adapter: ChannelAdapter, account: string, isLive: (sku: string) => boolean): ChannelAdapter {
  const check = (entries: readonly WriteEntry[]): void => {
    const muted = entries.find(({ listing }) => !isLive(listing.sku));
    if (muted) throw new RetryableError(`${account} is not live for ${muted.listing.sku}: nothing of this call was sent`);
  };
  const write: ChannelAdapter['write'] = async (entries, call) => {
    check(entries);
    return adapter.write(entries, call);
  };
  const { feeds } = adapter;
  const changed: Partial<ChannelAdapter> = {
    write,
    ...(feeds && {
      feeds: standIn(feeds, {
        submit: async (entries, call) => {
          check(entries);
          return feeds.submit(entries, call);
        },
      }),
    }),
  };
  return standIn(adapter, changed);
}

/** An object with some of its members replaced; the others, those that it has by now, run on the object itself, private fields and all. */
export function standIn<T extends object>(of: T, changed: Partial<T>): T {
  const bound = new WeakMap<object, unknown>();
  const member = (name: PropertyKey): unknown => {
    const value = Reflect.get(of, name) as unknown;
    if (typeof value !== 'function') return value;
    if (!bound.has(value)) bound.set(value, value.bind(of));
    return bound.get(value);
  };
  const stand = {} as T;
  for (const name of membersOf(of)) Object.defineProperty(stand, name, { get: () => member(name), enumerable: true, configurable: true });
  for (const name of Reflect.ownKeys(changed)) Object.defineProperty(stand, name, { value: Reflect.get(changed, name), enumerable: true, configurable: true });
  return stand;
}

function membersOf(of: object): Set<PropertyKey> {
  const names = new Set<PropertyKey>();
  for (let from = of; from !== Object.prototype && from !== null; from = Reflect.getPrototypeOf(from)!) for (const name of Reflect.ownKeys(from)) names.add(name);
  names.delete('constructor');
  return names;
}
