/** Numbers, durations and colours as people read them. */
import { styleText } from 'node:util';

export type Mood = 'plain' | 'fault' | 'good' | 'bad';

export const paint: Record<Mood, (text: string) => string> = {
  plain: text => text,
  fault: text => styleText('yellow', text),
  good: text => styleText('green', text),
  bad: text => styleText('red', text),
};

export const dim = (text: string): string => styleText('dim', text);
export const bold = (text: string): string => styleText('bold', text);

export const count = (value: number): string => value.toLocaleString('en-US');

/** `840 ms`, `2.4 s`, `1:05 min`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '-';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')} min`;
}

/** `12.3 s` under a minute, else `1:05`; six characters. */
export function clock(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  return (seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`).padStart(6);
}

/** Breaks between words; a longer word stands alone. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
