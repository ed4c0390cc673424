/** What the configuration of the doors must fit besides its own schema. */
import { ConfigError } from '../../config/file.ts';
import type { Config } from '../../config/config.ts';

/** @throws {ConfigError} when a door leads to a source that nobody reads */
export function checkDoors({ doors, sources }: Pick<Config, 'doors' | 'sources'>): void {
  const known = new Set(sources.map(({ source }) => source));
  const named = [
    ...(doors.http?.sources ?? []).map(({ source }, n) => ({ source, at: `doors.http.sources.${n}.source` })),
    ...doors.postgres.map(({ source }, n) => ({ source, at: `doors.postgres.${n}.source` })),
  ];
  for (const { source, at } of named) {
    if (!known.has(source)) throw new ConfigError(`${at}: ${JSON.stringify(source)} is none of the sources (${[...known].join(', ') || 'none is configured'})`);
  }
}
