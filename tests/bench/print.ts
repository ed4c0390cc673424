import type { Figures } from './measure.ts';
export function print(figures: Figures): void { console.log(figures); }
