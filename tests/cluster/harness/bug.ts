/**
 * Preloaded into a node: a version of Plumb with a bug, whose SKU actor throws whenever it meets a certain number of
 * units. Says so each time.
 */
const { max } = Math;

const unluckyUnits = 666_013;

Math.max = (...values) => {
  if (!values.includes(unluckyUnits)) return max(...values);
  process.stderr.write('the bug was met\n');
  throw new RangeError('this version cannot count to 666013');
};
