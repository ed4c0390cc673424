/** Light, dark, or as the machine has it; kept in this browser. */
import { useEffect, useState } from 'preact/hooks';

export type Theme = 'auto' | 'light' | 'dark';
const order: Theme[] = ['auto', 'light', 'dark'];
const hearers = new Set<() => void>();
const machine = matchMedia('(prefers-color-scheme: dark)');

let theme: Theme = (localStorage.getItem('theme') as Theme | null) ?? 'auto';
set(theme);
machine.addEventListener('change', () => { for (const hear of hearers) hear(); });

export function nextTheme(): void {
  set(order[(order.indexOf(theme) + 1) % order.length]!);
}

function set(next: Theme): void {
  theme = next;
  localStorage.setItem('theme', next);
  if (next === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset['theme'] = next;
  for (const hear of hearers) hear();
}

/** Changes whenever colours do: the choice, and what it comes to. */
export function useTheme(): string {
  const [, draw] = useState(0);
  useEffect(() => {
    const hear = (): void => draw(n => n + 1);
    hearers.add(hear);
    return () => { hearers.delete(hear); };
  }, []);
  return `${theme} ${machine.matches}`;
}
