/**
 * ANSI X12 read into plain objects, with whatever separators its own ISA declares. Own code, about as long as the use of
 * a library would be: those that exist want an ISA, and fragments without one come; and none tells a document that was
 * cut off, whose last number may be half a number.
 */
import { MalformedError } from './refusal.ts';

/** A segment by element names as the standard has them: `{ id: 'QTY', QTY01: '33', QTY02: '100' }`; empty ones are absent. */
export interface Segment { id: string; [element: string]: string }

/** One transaction set, ST to SE. */
export interface TransactionSet {
  ISA?: Segment;
  GS?: Segment;
  ST: Segment;
  /** What stands before the first loop. */
  heading: Segment[];
  /** One list of segments for each loop, which begins with the segment it is named for. */
  loops: { segments: Segment[] }[];
  /** CTT and what follows. */
  summary: Segment[];
  /** Its own figures that do not agree: told, and no reason to refuse what every line says for itself. */
  notes: string[];
}

/**
 * @param loop id of the segment that begins a loop, `LIN` in an 846
 * @throws {MalformedError} when it is no X12, or was cut off
 */
export function readX12(text: string, loop: string): { sets: TransactionSet[]; notes: string[] } {
  const refuse = (value: unknown, reason: string): never => { throw new MalformedError('', value, reason); };
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  const { element, terminator } = separatorsOf(trimmed);
  // A line break that ends segments may have been lost from the end; the trailers tell whether more was.
  if (!trimmed.endsWith(terminator) && terminator.trim() !== '') refuse(trimmed.slice(-60), `is cut off: X12 ends with its segment terminator ${JSON.stringify(terminator)}`);
  const segments = trimmed.split(terminator).map(raw => segmentOf(raw.trim(), element)).filter(segment => segment.id !== '');
  const sets: TransactionSet[] = [];
  let isa: Segment | undefined;
  let gs: Segment | undefined;
  let open: TransactionSet | undefined;
  let count = 0;
  for (const segment of segments) {
    const { id } = segment;
    count += 1;
    switch (id) {
      case 'ISA': isa = segment; break;
      case 'GS': gs = segment; break;
      case 'GE': gs = undefined; break;
      case 'IEA': isa = undefined; break;
      case 'ST':
        if (open) refuse(open.ST.ST02, 'is cut off: a transaction set without its SE');
        open = { ...(isa && { ISA: isa }), ...(gs && { GS: gs }), ST: segment, heading: [], loops: [], summary: [], notes: [] };
        count = 1;
        break;
      case 'SE': {
        if (!open) { refuse(segment.SE02, 'has an SE without its ST'); break; }
        if (segment.SE02 !== open.ST.ST02) refuse(segment.SE02, `has an SE that closes another set than ${open.ST.ST02}`);
        if (Number(segment.SE01) !== count) open.notes.push(`set ${open.ST.ST02}: SE says ${segment.SE01} segments, ${count} are there`);
        sets.push(open);
        open = undefined;
        break;
      }
      default:
        if (!open) { refuse(id, 'has a segment outside of any transaction set'); break; }
        if (id === loop && open.summary.length === 0) open.loops.push({ segments: [segment] });
        else if (id === 'CTT' || open.summary.length > 0) open.summary.push(segment);
        else (open.loops.at(-1)?.segments ?? open.heading).push(segment);
    }
  }
  if (open) refuse(open.ST.ST02, 'is cut off: a transaction set without its SE');
  if (isa) refuse(isa.ISA13, 'is cut off: an interchange without its IEA');
  if (sets.length === 0) refuse(trimmed.slice(0, 60), 'holds no transaction set');
  for (const set of sets) {
    const lines = set.summary.find(({ id }) => id === 'CTT')?.CTT01;
    if (lines !== undefined && Number(lines) !== set.loops.length) set.notes.push(`set ${set.ST.ST02}: CTT says ${lines} items, ${set.loops.length} are there`);
  }
  return { sets, notes: sets.flatMap(({ notes }) => notes) };
}

/** An ISA has fixed widths, so that its fourth character and the one after its last element are the separators. */
function separatorsOf(text: string): { element: string; terminator: string } {
  if (text.startsWith('ISA')) {
    const element = text[3] ?? '';
    // ISA16 is one character; counting elements bears the widths that some partners get wrong.
    const last = text.split(element, 17).slice(0, 16).join(element).length + 1;
    const terminator = text[last + 1];
    if (/[\dA-Za-z\s]/.test(element) || element === '' || terminator === undefined || /[\dA-Za-z ]/.test(terminator)) throw new MalformedError('', text.slice(0, 110), 'has an ISA from which no separators can be read');
    return { element, terminator };
  }
  const [, element, terminator] = /^ST([^\dA-Za-z\s])\d{3}\1[\dA-Za-z]+(?:\1[\dA-Za-z]*)?([^\dA-Za-z])/s.exec(text) ?? [];
  if (element === undefined || terminator === undefined) throw new MalformedError('', text.slice(0, 60), 'is no X12: it begins with neither ISA nor ST');
  return { element, terminator };
}

function segmentOf(raw: string, separator: string): Segment {
  const [id = '', ...elements] = raw.split(separator);
  const segment: Segment = { id };
  elements.forEach((value, n) => {
    if (value !== '') segment[`${id}${String(n + 1).padStart(2, '0')}`] = value;
  });
  return segment;
}

/** `$pairs(LIN)` in expressions: values by the qualifier before each, from element 02 on; the first of a qualifier counts. */
export function pairs(segment: Segment | undefined): Record<string, string> | undefined {
  if (typeof segment !== 'object' || segment === null) return undefined;
  const found: Record<string, string> = {};
  for (let n = 2; n < 31; n += 2) {
    const [qualifier, value] = [n, n + 1].map(element => segment[`${segment.id}${String(element).padStart(2, '0')}`]);
    if (qualifier !== undefined && value !== undefined && !Object.hasOwn(found, qualifier)) found[qualifier] = value;
  }
  return found;
}
