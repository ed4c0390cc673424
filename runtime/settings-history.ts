/** The settings of SKU actors as they were at any journal time, from their stored history. */
import type { NatsConnection } from 'nats';
import { readAll } from './read-all.ts';
import { skuSettingsSubject, streams } from './subjects.ts';

/** `at`: when the broker stored them, epoch ms. */
export interface Dated<T> { at: number; settings: T }

/** Oldest first. @throws {Error} when the connection is closed */
export async function readSettings<T>(nc: NatsConnection): Promise<Dated<T>[]> {
  const history: Dated<T>[] = [];
  await readAll(nc, { stream: streams.settings, filter: skuSettingsSubject }, message => {
    if (message.data.length > 0) history.push({ at: message.at, settings: message.json<T>() });
  });
  return history;
}

/** The newest of them that was stored by then; the oldest where none was. */
export function settingsAt<T>(history: readonly Dated<T>[], at: number): Dated<T> | undefined {
  return history.findLast(entry => entry.at <= at) ?? history[0];
}
