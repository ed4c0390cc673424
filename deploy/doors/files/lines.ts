/** A text file line by line, in any encoding, with bounded memory. */
import { createReadStream } from 'node:fs';

export interface Line {
  /** 1 for the first. */
  number: number;
  /** Without its line feed; a carriage return before it is kept. */
  text: string;
  /** Longer than is read: `text` is its beginning. */
  isCut?: boolean;
}

/** Characters of one line. */
const lineMost = 256 * 1024;

/**
 * @param encoding a WHATWG label: utf-8, latin1, utf-16le, windows-1250 ... A byte order mark is taken away.
 * @throws {RangeError} for an encoding that does not exist
 * @throws {Error} when the file cannot be read
 */
export async function* linesOf(file: string, encoding: string): AsyncGenerator<Line> {
  const decoder = new TextDecoder(encoding);
  let rest = '';
  let number = 0;
  let isCut = false;
  const line = (text: string): Line => {
    number += 1;
    const whole = !isCut && text.length <= lineMost;
    isCut = false;
    return whole ? { number, text } : { number, text: text.slice(0, lineMost), isCut: true };
  };
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
      yield line(rest.slice(from, end));
      from = end + 1;
    }
    rest = rest.slice(from);
    if (rest.length <= lineMost) continue;
    // Its beginning tells what line it was; the rest of it is passed over.
    rest = rest.slice(0, lineMost);
    isCut = true;
  }
  rest += decoder.decode();
  if (rest !== '') yield line(rest);
}
