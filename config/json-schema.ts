/** The configuration's JSON Schema: what editors complete and check by, and what the reference is written from. */
import { z } from 'zod';
import { configSchema } from './config.ts';

export interface JsonSchema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | false;
  propertyNames?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  minItems?: number;
  /** A secret. */
  writeOnly?: boolean;
}

/** A text that names a secret, and holds none. */
export const fillIns = /\$\{[^}]+\}/;

/** A text may be one that names a secret, whatever it must look like when that is filled in. */
const reference: JsonSchema = { type: 'string', pattern: fillIns.source };

export function toJsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    override({ jsonSchema }) {
      const json = jsonSchema as JsonSchema;
      // "Safe" bounds are how numbers are kept, not what is asked of them.
      if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
      if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
      if (json.propertyNames && Object.keys(json.propertyNames).every(key => key === 'type')) delete json.propertyNames;
      const { type, pattern, format, minLength, ...rest } = json;
      if (type !== 'string' || (pattern ?? format ?? minLength) === undefined) return;
      for (const key of ['type', 'pattern', 'format', 'minLength'] as const) delete json[key];
      Object.assign(json, rest, { anyOf: [{ type, ...(pattern !== undefined && { pattern }), ...(format !== undefined && { format }), ...(minLength !== undefined && { minLength }) }, reference] });
    },
  }) as JsonSchema;
}

export const configJsonSchema = toJsonSchema(configSchema);

/** What the schema says of a path: one, or several where there are kinds of it; none for what it does not know. */
export function schemasAt(path: readonly PropertyKey[], root: JsonSchema = configJsonSchema): JsonSchema[] {
  return path.reduce<JsonSchema[]>((schemas, step) => schemas.flatMap(alternatives).flatMap(({ properties, items, additionalProperties }) => {
    const next = properties?.[String(step)] ?? (typeof step === 'number' ? items : undefined) ?? (additionalProperties || undefined);
    return next === undefined ? [] : [next];
  }), [root]).flatMap(alternatives);
}

export function isSecret(path: readonly PropertyKey[]): boolean {
  return schemasAt(path).some(({ writeOnly }) => writeOnly);
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  return [schema, ...[...schema.anyOf ?? [], ...schema.oneOf ?? []].flatMap(alternatives)];
}
