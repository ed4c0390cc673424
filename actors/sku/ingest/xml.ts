/**
 * XML read into the objects that JSONata walks: elements by their local name, several of one name as a list, attributes
 * with an `@` before them, an element of nothing but text as that text.
 */
import { XmlDocument, XmlElement, XmlText, XmlCdata, parseXml } from '@rgrove/parse-xml';
import { MalformedError } from './refusal.ts';

const depthMax = 200;

type Plain = string | { [name: string]: Plain | Plain[] };

/** @throws {MalformedError} with line and column; there are no entities but XML's own, so none can grow */
export function readXml(text: string): Plain {
  let document: XmlDocument;
  try {
    document = parseXml(text);
  } catch (error) {
    throw new MalformedError('', text, `is no XML (${(error as Error).message.split('\n')[0]})`);
  }
  const { root } = document;
  if (!root) throw new MalformedError('', text, 'is XML without an element');
  return { [localName(root.name)]: plain(root, 0) };
}

function plain(element: XmlElement, depth: number): Plain {
  if (depth > depthMax) throw new MalformedError('', element.name, `is nested deeper than ${depthMax} elements`);
  const fields: Record<string, Plain | Plain[]> = Object.create(null) as Record<string, Plain | Plain[]>;
  let text = '';
  let named = false;
  for (const [name, value] of Object.entries(element.attributes)) {
    if (name === 'xmlns' || name.startsWith('xmlns:')) continue;
    fields[`@${localName(name)}`] = value;
    named = true;
  }
  for (const child of element.children) {
    if (child instanceof XmlText || child instanceof XmlCdata) text += child.text;
    if (!(child instanceof XmlElement)) continue;
    named = true;
    const name = localName(child.name);
    const value = plain(child, depth + 1);
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else fields[name] = [before, value];
  }
  if (!named) return text.trim();
  if (text.trim() !== '') fields['#text'] = text.trim();
  return { ...fields };
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
