/**
 * The page's own files and the libraries it uses, as a browser takes them: TypeScript with its types blanked out, and
 * imports by name turned into addresses. Nothing is built.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface Asset { type: string; body: string; etag: string }

const here = new URL('./page/', import.meta.url);
const modules = ['main', 'overview', 'numbers', 'matrix', 'pairs', 'tasks', 'health', 'shadow', 'sku', 'time-line', 'charts', 'rows', 'live', 'press', 'theme', 'format', 'html'] as const;
const libraries: Record<string, string> = { preact: 'preact', 'preact/hooks': 'preact/hooks', htm: 'htm', uplot: 'uplot/dist/uPlot.esm.js' };

const types = { html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' };

/** By address. @throws {Error} when a library is not installed */
export async function loadAssets(): Promise<Map<string, Asset>> {
  const assets = new Map<string, Asset>();
  const add = (address: string, type: string, body: string): void => {
    assets.set(address, { type, body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` });
  };
  const page = (name: string): Promise<string> => readFile(new URL(name, here), 'utf8');
  add('/', types.html, await page('index.html'));
  add('/style.css', types.css, await page('style.css'));
  add('/icon.svg', types.svg, await page('icon.svg'));
  for (const name of modules) add(`/page/${name}.js`, types.js, addressed(withoutTypes(await page(`${name}.ts`))));
  for (const [name, path] of Object.entries(libraries)) add(`/lib/${name}.js`, types.js, addressed(await readFile(fileURLToPath(import.meta.resolve(path)), 'utf8')));
  add('/lib/uplot.css', types.css, await readFile(fileURLToPath(new URL('uPlot.min.css', import.meta.resolve('uplot'))), 'utf8'));
  return assets;
}

/** Node does so itself with every file of ours, and warns that this way of asking for it is new. */
function withoutTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Import maps need an inline script, which the page's policy forbids. */
function addressed(source: string): string {
  return source
    .replaceAll(/(\bfrom\s*|\bimport\s*)(["'])([^"'.][^"']*)\2/g, (whole, before: string, quote: string, name: string) => (Object.hasOwn(libraries, name) ? `${before}${quote}/lib/${name}.js${quote}` : whole))
    .replaceAll(/(\bfrom\s*|\bimport\s*)(["'])(\.\/[^"']+)\.ts\2/g, '$1$2$3.js$2')
    .replaceAll(/\n?\/\/# sourceMappingURL=.*/g, '');
}
