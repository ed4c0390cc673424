/** The known-bad designs, hunted: which seed catches which, and by which check. */
import { designs } from './designs.ts';
import { run } from './run.ts';
import type { Design } from './world.ts';

/** Checks that say that a unit may be, or was, sold twice; the others say that something is left undone. */
export const ofSafety: ReadonlySet<string> = new Set(['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'debt', 'oversold', 'doubled', 'known']);
/** The buyer has it: a unit was sold a second time, by the channels' own orders. */
const ofBuyers = new Set(['I3', 'oversold']);

export interface Caught {
  /** First seed by any check of safety, and which check. */
  seed: number;
  check: string;
  /** First seed at which a unit was really sold twice. */
  soldTwice?: number;
}

/**
 * @param seedsMax gives up after so many
 * @param toTheEnd goes on until a unit is really sold twice
 */
export function caught(design: Design, seedsMax: number, toTheEnd = true): Caught | undefined {
  let first: Caught | undefined;
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { violations } = run(seed, { design, stops: false });
    const found = violations.find(({ check }) => ofSafety.has(check));
    if (found && !first) first = { seed, check: found.check };
    if (first && !toTheEnd) return first;
    if (first && violations.some(({ check }) => ofBuyers.has(check))) return { ...first, soldTwice: seed };
  }
  return first;
}

export const seedsMax = 400;

/** Prints the table that `docs/exposure.md` keeps. True where every design is caught. */
export function hunt(print: (line: string) => void): boolean {
  let areCaught = true;
  print('| | design | caught by seed | by check | a unit sold twice by seed |\n| --- | --- | ---: | --- | ---: |');
  for (const [name, { says, design }] of Object.entries(designs)) {
    const found = caught(design, seedsMax);
    areCaught &&= found !== undefined;
    print(`| ${name} | ${says} | ${found?.seed ?? `none of ${seedsMax}`} | ${found?.check ?? ''} | ${found?.soldTwice ?? `none of ${seedsMax}`} |`);
  }
  return areCaught;
}
