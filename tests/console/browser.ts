/** Real Chromium on a real console: opened for one test, its complaints heard, what it shows kept as pictures. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { pino } from 'pino';
import { openConsole } from '../../deploy/console/server.ts';

export const token = 'a-token-of-tests';
const artifacts = fileURLToPath(new URL('../../artifacts/console/', import.meta.url));
const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** A console on a free port, with buttons unless its token is empty. @returns its address */
export async function startConsole(t: ExecutionContext, natsUrl: string, given = token): Promise<string> {
  const nc = await connect({ servers: natsUrl });
  t.teardown(() => nc.close());
  const running = await openConsole(nc, { host: '127.0.0.1', port: 0, token: given === '' ? undefined : given }, pino({ level: 'silent' }));
  t.teardown(() => running.close());
  return running.url;
}

/** @throws {Error} where there is no Chromium */
export async function openBrowser(t: ExecutionContext): Promise<Browser> {
  const found = process.env['CHROMIUM'] ?? (process.env['PATH'] ?? '').split(delimiter).flatMap(folder => names.map(name => join(folder, name))).find(existsSync);
  if (!found) throw new Error('no Chromium on the PATH: apt-get install chromium, or name one in CHROMIUM');
  const browser = await chromium.launch({ executablePath: found, args: ['--no-sandbox', '--disable-gpu'] });
  t.teardown(() => browser.close());
  return browser;
}

/** What pages complained of: what broke in them, and what their policy forbade. */
export const complaints: string[] = [];

export async function openPage(browser: Browser, url: string, how: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1_440, height: 1_000 }, colorScheme: 'light', ...how });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on('pageerror', error => complaints.push(`${error.name}: ${error.message}\n${error.stack ?? ''}`));
  page.on('console', message => { if (message.type() === 'error' && !/status of 40\d/.test(message.text())) complaints.push(message.text()); });
  await page.goto(url);
  return page;
}

export async function picture(page: Page, name: string, whole = true): Promise<void> {
  await mkdir(artifacts, { recursive: true });
  await page.screenshot({ path: join(artifacts, `${name}.png`), fullPage: whole });
}
