/** Numbers and times as people read them. Pure. */

const grouped = new Intl.NumberFormat('en-US');

export function count(units: number | null | undefined): string {
  return units === null || units === undefined ? '–' : grouped.format(Math.round(units));
}

export function plural(units: number, one: string, many = `${one}s`): string {
  return `${count(units)} ${units === 1 ? one : many}`;
}

/** 100 % is said of nothing that is not whole. */
export function share(part: number, of: number): string {
  return of === 0 ? '–' : `${Math.floor((part / of) * 1_000) / 10} %`;
}

/** Two digits of what matters. */
export function duration(ms: number): string {
  const abs = Math.abs(ms);
  if (abs < 1_000) return `${Math.round(ms)} ms`;
  if (abs < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (abs < 60_000) return `${Math.round(ms / 1_000)} s`;
  if (abs < 3_600_000) return `${Math.floor(ms / 60_000)} min ${String(Math.floor(ms / 1_000) % 60).padStart(2, '0')} s`;
  if (abs < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ${String(Math.floor(ms / 60_000) % 60).padStart(2, '0')} min`;
  return `${Math.floor(ms / 86_400_000)} d ${Math.floor(ms / 3_600_000) % 24} h`;
}

/** For ages that are looked at in passing. */
export function age(ms: number): string {
  if (ms < 1_000) return '< 1 s';
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

export function ago(ms: number): string {
  return ms < 1_000 ? 'just now' : `${age(ms)} ago`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

export function time(at: number): string {
  return new Date(at).toDateString() === new Date().toDateString() ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`;
}

export function date(at: number): string {
  return day.format(at);
}
