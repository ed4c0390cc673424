/** Subjects and the patterns that subscriptions, streams and filters have of them: `*` is one token, `>` the rest. */

/** A test of one pattern, as quick as its kind allows. */
export function matcher(pattern: string): (subject: string) => boolean {
  if (pattern === '>') return () => true;
  if (!isWild(pattern)) return subject => subject === pattern;
  const fixed = pattern.slice(0, -1);
  if (pattern.endsWith('.>') && !isWild(fixed)) return subject => subject.length > fixed.length && subject.startsWith(fixed);
  if (pattern.endsWith('.*') && !isWild(fixed)) return subject => subject.startsWith(fixed) && subject.indexOf('.', fixed.length) === -1 && subject.length > fixed.length;
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
