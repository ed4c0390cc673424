/** A run told for people: what happened to the world, who stored what, and what was found wrong. */
import { inWords } from './plan.ts';
import type { Run } from './run.ts';
import type { Told } from './world.ts';

/** The latest lines, where there are more. */
const linesMost = 400;

export function story({ plan, violations, story: all }: Run): string {
  const [first] = violations;
  const skus = new Set(first?.text.match(/SKU-\d+/g));
  const lines = all.filter(line => concerns(line, skus)).map(({ at, who, text }) => `${(at / 1_000).toFixed(3).padStart(9)}  ${who.padEnd(12)} ${text}`);
  return [
    `left of the plan: ${plan.acts.map(act => `${act.at} ms ${inWords(act)}`).join('; ') || 'nothing'}`,
    ...(lines.length > linesMost ? [`… ${lines.length - linesMost} lines before`] : []),
    ...lines.slice(-linesMost),
    ...violations.map(({ check, text }) => `found: ${check}: ${text}`),
  ].join('\n');
}

/** Of SKUs that nothing was found wrong with, little is told. */
function concerns({ text }: Told, skus: ReadonlySet<string>): boolean {
  const named = text.match(/SKU-\d+/g);
  return named === null ? !text.includes('._ckpt') : skus.size === 0 || named.some(sku => skus.has(sku));
}
