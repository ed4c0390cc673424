/** An account in shadow, in real Chromium: who agrees, what we would write and because of what, and what somebody else wrote. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { smallWorld } from '../inspect/small-world.ts';
import { complaints, openBrowser, openPage, picture, startConsole } from './browser.ts';

test.serial('the page of an account in shadow tells agreement by part, and each listing that differs with its reasons', async t => {
  t.timeout(180_000);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-console-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const prices = join(folder, 'prices.csv');
  await writeFile(prices, 'sku,price,brand\n85123A,2.50,ACME\n17940G,4.00,OTHER\nC1,1.00,OTHER\n');
  const world = await smallWorld(t, ['85123A', '17940G', 'C1'], { channels: { pollMinMs: 50, graceMs: 300 }, prices });
  const { ebay } = world.shops;
  const control = async (command: string): Promise<void> => { t.like((await world.nc.request('control.channel.ebay', command, { timeout: 10_000 })).json(), { ok: true }, command); };
  await control('stage shadow ana');
  // A buffer of one: 85123A agrees, 17940G is edited, C1 was never counted.
  await world.say({ id: 'e1', sku: '85123A', type: 'count', version: 1, quantity: 4 });
  await world.say({ id: 'e2', sku: '17940G', type: 'count', version: 1, quantity: 4 });
  await world.proven('shopify', { '85123A': 3, '17940G': 3 });
  const page = await openPage(await openBrowser(t), await startConsole(t, world.server.url, ''));

  await page.getByRole('link', { name: 'what we would write' }).click();
  const account = (name: string) => page.locator('.shadow tbody tr:not(.part)', { hasText: name });
  await account('ebay').locator('.state', { hasText: 'shadow' }).waitFor();
  await account('shopify').locator('.state', { hasText: 'live' }).waitFor();
  await account('ebay').getByRole('link').click();
  await page.getByText('Every listing that was read and counted shows what we would write.').waitFor();
  await page.locator('.shadow tr.part', { hasText: 'brand ACME' }).getByText('100 %').waitFor();

  // The tool that writes the account now offers what is not there.
  ebay.shop.edit('17940G', 44);
  const row = page.locator('.compared:not(.head)', { hasText: '17940G' });
  await row.locator('b.bad', { hasText: '3 → 44' }).waitFor();
  t.deepEqual((await row.locator('.figure').allTextContents()).slice(0, 2), ['44', '3']);
  t.regex((await row.locator('.words').first().textContent())!, /e2/, 'because of the count');
  await page.locator('.shadow tr.part', { hasText: 'brand OTHER' }).locator('td.bad').first().waitFor();
  await picture(page, 'shadow');

  await page.getByRole('button', { name: 'all', exact: true }).click();
  await page.locator('.compared:not(.head)', { hasText: 'C1' }).getByText('the SKU was never counted').waitFor();
  t.is(await page.locator('.compared:not(.head)').count(), 3);

  // A slice goes live: it is a part of its own, and its row says so.
  await world.nc.request('control.channel.ebay', 'look', { timeout: 10_000 });
  for (let tries = 0; tries < 50; tries++) {
    const answer = (await world.nc.request('control.channel.ebay', 'golive {"skus":["85123A"]} ana', { timeout: 10_000 })).json<{ ok: boolean }>();
    if (answer.ok) break;
    await new Promise(resolve => setTimeout(resolve, 200));
  }
  await page.locator('.shadow tr.part', { hasText: 'live: 85123A' }).waitFor();
  await page.locator('.compared:not(.head)', { hasText: '85123A' }).locator('.tag', { hasText: 'live' }).waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  t.is(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, 'the page is as wide as the phone');
  await picture(page, 'shadow-phone');

  await page.locator('.compared:not(.head)', { hasText: '17940G' }).click();
  await page.getByRole('heading', { name: '17940G' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.numbers').waitFor();
  t.deepEqual(complaints.splice(0), []);
});
