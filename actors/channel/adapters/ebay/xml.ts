/** The Trading API's XML, written and read. What is written is read back equal by the parser, or refused: a test holds that. */
import { XmlElement, parseXml } from '@rgrove/parse-xml';

/** An element's content: a text, its children, or several elements of one name. */
export type Content = string | number | { [name: string]: Content | Content[] };

const namespace = 'urn:ebay:apis:eBLBaseComponents';
const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' };
/** What XML 1.0 has no way to hold, escaped or not. */
// eslint-disable-next-line no-control-regex
const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u;

export const isSpeakable = (text: string): boolean => !unspeakable.test(text);

/** @throws {TypeError} for a text that XML cannot hold */
export function request(call: string, content: Content): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n<${call}Request xmlns="${namespace}">${inner(content)}</${call}Request>`;
}

function inner(content: Content): string {
  if (typeof content !== 'object') return escaped(String(content));
  return Object.entries(content).flatMap(([name, one]) => (Array.isArray(one) ? one : [one]).map(each => `<${name}>${inner(each)}</${name}>`)).join('');
}

function escaped(text: string): string {
  if (!isSpeakable(text)) throw new TypeError(`XML cannot hold ${JSON.stringify(text)}`);
  return text.replaceAll(/[&<>\r]/g, char => escapes[char]!);
}

/** One element of an answer. */
export class Part {
  readonly #element: XmlElement;

  constructor(element: XmlElement) {
    this.#element = element;
  }

  get name(): string {
    return this.#element.name;
  }

  /** The children of a name, in their order. */
  all(name: string): Part[] {
    return this.#element.children.filter(child => child instanceof XmlElement).filter(child => child.name === name).map(child => new Part(child));
  }

  /** The first element at the end of a path of names. */
  at(...path: string[]): Part | undefined {
    return path.reduce<Part | undefined>((part, name) => part?.all(name)[0], this);
  }

  /** The text at the end of a path; an empty element has none, as eBay tells what is not set. */
  text(...path: string[]): string | undefined {
    const found = this.at(...path);
    return found && (found.#element.text.trim() || undefined);
  }

  /** A whole number >= 0 there; missing or anything else is no number, and never 0. */
  units(...path: string[]): number | undefined {
    const text = this.text(...path);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }
}

/** @returns the root of an answer, or nothing where it is no XML: a page of HTML from an edge, an answer cut off */
export function answered(text: string): Part | undefined {
  try {
    const { root } = parseXml(text);
    return root ? new Part(root) : undefined;
  } catch {
    return undefined;
  }
}
