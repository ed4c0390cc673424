/** Subjects and the patterns that subscriptions, streams and filters have of them: `*` is one token, `>` the rest. */

/** A test of one pattern, as quick as its kind allows. */
export function matcher(pattern: string): (subject: string) => boolean {
  if (pattern === '>') return () => true;
  if (!isWild(pattern)) return subject => subject === pattern;
  const fixed = pattern.slice(0, -1);
  if (pattern.endsWith('.>') && !isWild(fixed)) return subject => subject.length > fixed.length && subject.startsWith(fixed);
  if (pattern.endsWith('.*') && !isWild(fixed)) return subject => subject.startsWith(fixed) && subject.indexOf('.', fixed.length) === -1 && subject.length > fixed.length;
  const [head, tail, more] = pattern.split('*') as [string, string | undefined, string | undefined];
  if (tail !== undefined && more === undefined && !isWild(head + tail)) {
    return subject => subject.endsWith(tail) && subject.startsWith(head) && subject.length > head.length + tail.length && !subject.slice(head.length, subject.length - tail.length).includes('.');
  }
  const wanted = pattern.split('.');
  const rest = wanted.at(-1) === '>';
  return subject => {
    const tokens = subject.split('.');
    if (rest ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
    return wanted.every((token, n) => token === '*' || token === '>' || token === tokens[n]);
  };
}

export function isWild(pattern: string): boolean {
  return pattern.split('.').some(token => token === '*' || token === '>');
}

/** Things by their patterns. Only those are tested whose patterns begin as the subject does. */
export class Patterns<T> {
  readonly #things = new Map<T, Pattern[]>();
  /** Those whose patterns may begin so, in the order they came in. */
  readonly #near = new Map<string, readonly (readonly [T, readonly Pattern[]])[]>();

  get things(): Iterable<T> {
    return this.#things.keys();
  }

  set(thing: T, patterns: readonly string[]): void {
    this.#things.set(thing, patterns.map(pattern => ({ first: firstOf(pattern), takes: matcher(pattern) })));
    this.#near.clear();
  }

  delete(thing: T): void {
    if (this.#things.delete(thing)) this.#near.clear();
  }

  /** Those that take the subject, in the order they came in. */
  of(subject: string): T[] {
    const first = firstOf(subject);
    let near = this.#near.get(first);
    if (!near) {
      near = [...this.#things].filter(([, patterns]) => patterns.some(pattern => pattern.first === first || isWild(pattern.first)));
      this.#near.set(first, near);
    }
    const found: T[] = [];
    for (const [thing, patterns] of near) {
      for (const { takes } of patterns) {
        if (!takes(subject)) continue;
        found.push(thing);
        break;
      }
    }
    return found;
  }
}

interface Pattern { first: string; takes(subject: string): boolean }

function firstOf(subject: string): string {
  const end = subject.indexOf('.');
  return end === -1 ? subject : subject.slice(0, end);
}
