/** The configuration's JSON Schema with what each channel wants of its accounts: `plumb.schema.json`, for editors. */
import { configJsonSchema, toJsonSchema } from '../../config/json-schema.ts';
import type { JsonSchema } from '../../config/json-schema.ts';
import { channelSettings } from '../channels.ts';

export const schemaFile = new URL('../../config/plumb.schema.json', import.meta.url);

/** The settings of each channel's accounts, by channel. */
export const accountSchemas: Readonly<Record<string, { credentials: JsonSchema; settings: JsonSchema }>> = Object.fromEntries(
  Object.entries(channelSettings).map(([channel, { credentials, settings }]) => [channel, { credentials: toJsonSchema(credentials), settings: toJsonSchema(settings) }]));

export function publishedSchema(): string {
  const accounts = configJsonSchema.properties!['accounts']!;
  const byChannel = Object.entries(accountSchemas).map(([channel, parts]) => ({
    if: { properties: { channel: { const: channel } }, required: ['channel'] },
    then: { properties: Object.fromEntries(Object.entries(parts).map(([part, schema]) => [part, { ...schema, $schema: undefined }])), ...(parts.settings.required && { required: ['settings'] }) },
  }));
  const whole = {
    ...configJsonSchema,
    title: 'Configuration of a Plumb node',
    properties: { ...configJsonSchema.properties, accounts: { ...accounts, items: { ...accounts.items, allOf: byChannel } } },
  };
  return `${JSON.stringify(whole, undefined, 1)}\n`;
}
