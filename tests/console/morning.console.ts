/** A morning at the console, in real Chromium: what is wrong appears, is pressed, and disappears. */
import test from 'ava';
import type { Page } from 'playwright-core';
import { smallWorld } from '../inspect/small-world.ts';
import { eventually } from '../runtime/broker.ts';
import { complaints, openBrowser, openPage, picture, startConsole, token } from './browser.ts';

const number = (page: Page, title: string) => page.locator('.number', { hasText: title }).locator('.value');
const row = (page: Page, account: string) => page.locator('.matrix tbody tr', { hasText: account });

/** Answers the question that a button asks; the token only where it is asked for. */
async function answer(page: Page, { reason, token: given = token }: { reason?: string; token?: string } = {}): Promise<void> {
  const dialog = page.locator('dialog');
  if (reason !== undefined) await dialog.locator('[name=reason]').fill(reason);
  await dialog.locator('[name=by]').fill('Ada');
  if (await dialog.locator('[name=token]').count() > 0) await dialog.locator('[name=token]').fill(given);
  await dialog.locator('button[type=submit]').click();
}

test.serial('drift, a freeze, a refusal and a task come, are pressed, and are gone; a SKU page shows any moment of the past', async t => {
  t.timeout(180_000);
  const world = await smallWorld(t, ['85123A', '17940G', 'C1', 'C2']);
  const { ebay } = world.shops;
  const said = (sku: string, version: number, quantity: number): Promise<void> => world.say({ id: `${sku}-${version}`, sku, type: 'count', version, quantity });
  await said('85123A', 1, 9);
  await said('17940G', 1, 5);
  for (const account of ['ebay', 'shopify']) await world.proven(account, { '85123A': 8, '17940G': 4 });
  const url = await startConsole(t, world.server.url);
  const page = await openPage(await openBrowser(t), url);

  // Everything is well.
  await row(page, 'ebay').locator('.state', { hasText: 'serving' }).waitFor();
  await page.getByText('Every listing was seen to show what it should.').waitFor();
  t.is(await number(page, 'Units at risk').textContent(), '0');
  t.is(await number(page, 'Oldest open task').textContent(), 'none');
  await picture(page, 'front-well');

  // A wrong token presses nothing.
  await row(page, 'ebay').getByRole('button', { name: 'freeze' }).click();
  await answer(page, { token: 'guessed' });
  await page.locator('.said .bad', { hasText: 'not the token' }).waitFor();
  t.is(await row(page, 'ebay').locator('.state').textContent(), 'serving');

  // Freezing stops writes.
  await row(page, 'ebay').getByRole('button', { name: 'freeze' }).click();
  await answer(page);
  await row(page, 'ebay').locator('.state', { hasText: 'frozen' }).waitFor();
  await said('17940G', 2, 3);
  await world.proven('shopify', { '17940G': 2 });
  await page.locator('.pair', { hasText: '17940G' }).getByText('account is frozen (by Ada)').waitFor();
  t.is(ebay.shop.read('17940G')!.quantity, 4, 'nothing was written while it is frozen');

  // A hand edit that offers units that are not there.
  ebay.shop.edit('85123A', 44);
  const drifted = page.locator('.pair', { hasText: '85123A' });
  await drifted.locator('.tag.drift').waitFor();
  t.is(await number(page, 'Units at risk').textContent(), '38', '36 by hand, and 2 of the count that is not written');
  t.true((await page.locator('.pair:not(.head)').first().textContent())!.startsWith('85123A'), 'the worst first');
  await picture(page, 'front-drift');
  await page.getByRole('button', { name: /^at risk/ }).click();
  t.is(await page.locator('.pair:not(.head)').count(), 2);
  await page.getByRole('button', { name: /^all/ }).first().click();

  // Writing again makes it all true.
  await row(page, 'ebay').getByRole('button', { name: 'resume' }).click();
  await answer(page);
  await page.getByText('Every listing was seen to show what it should.').waitFor();
  t.is(await number(page, 'Units at risk').textContent(), '0');
  t.deepEqual([ebay.shop.read('85123A')!.quantity, ebay.shop.read('17940G')!.quantity], [8, 2]);

  // A listing that is gone: a task, tried again when it is back.
  ebay.shop.setListed('17940G', false);
  await said('17940G', 3, 7);
  const task = page.locator('.task', { hasText: '17940G' });
  await task.waitFor();
  await picture(page, 'front-task');
  ebay.shop.setListed('17940G', true);
  await task.getByRole('button', { name: 'try again' }).click();
  await answer(page);
  await task.waitFor({ state: 'detached' });
  await world.proven('ebay', { '17940G': 6 });

  // A message that cannot be read: dismissed, with a reason that is journaled.
  await world.js.publish('ingest.erp', '{"id":"bad","sku":"85123A","type":"count","version":9,"quantity":"ten"}');
  const malformed = page.locator('.task', { hasText: 'malformed' });
  await malformed.getByRole('button', { name: 'dismiss' }).click();
  await answer(page, { reason: 'the sender was mended' });
  await malformed.waitFor({ state: 'detached' });
  const resolved = (await world.bodies('DEAD')).find(body => body['how'] === 'dismissed');
  t.like(resolved, { by: 'Ada', reason: 'the sender was mended' });

  // Units sold that were not there.
  ebay.shop.buy('first', [{ sku: '85123A', units: 8 }]);
  world.shops.shopify.shop.buy('second', [{ sku: '85123A', units: 4 }]);
  await eventually('both sales are counted', async () => await number(page, 'Oversold').textContent() === '3');

  // The SKU through time, found with the keyboard.
  await page.keyboard.press('/');
  await page.keyboard.type('85123a');
  await page.locator('#skus option[value="85123A"]').waitFor({ state: 'attached' });
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: '85123A' }).waitFor();
  const available = page.locator('.figures dd').first();
  await page.locator('.figures dd', { hasText: '-3' }).waitFor();
  await page.locator('.moment', { hasText: 'sold 4' }).first().waitFor();
  await picture(page, 'sku-now');
  const slider = page.getByRole('slider', { name: 'Moment' });
  await slider.focus();
  await page.keyboard.press('Home');
  await page.getByText(/^As it stood at/).waitFor();
  t.is(await available.textContent(), 'not counted');
  for (let n = 0; await available.textContent() !== '9' && n < 50; n++) await page.keyboard.press('ArrowRight');
  t.is(await available.textContent(), '9');
  t.regex(await slider.getAttribute('aria-valuetext') ?? '', /erp counted 9/);
  // To where the hand edit was found.
  const edit = page.locator('.moment', { hasText: 'shows 44: drift' });
  for (let n = 0; await edit.count() === 0 && n < 100; n++) await page.keyboard.press('ArrowRight');
  await edit.click();
  await page.locator('.bar', { hasText: 'ebay' }).getByText('44, should be 8').waitFor();
  await picture(page, 'sku-past');
  await page.keyboard.press('Escape');
  await page.locator('.numbers').waitFor();
  t.deepEqual(complaints.splice(0), []);
});

test.serial('on a phone, in the dark, and to read only', async t => {
  t.timeout(120_000);
  const world = await smallWorld(t, ['85123A', '17940G']);
  await world.say({ id: 'e1', sku: '85123A', type: 'count', version: 1, quantity: 9 });
  for (const account of ['ebay', 'shopify']) await world.proven(account, { '85123A': 8 });
  await world.nc.request('control.channel.ebay', 'freeze ops', { timeout: 5_000 });
  world.shops.ebay.shop.edit('85123A', 44);
  const url = await startConsole(t, world.server.url, '');
  const page = await openPage(await openBrowser(t), url, { viewport: { width: 390, height: 844 }, colorScheme: 'dark', deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  await page.locator('.pair', { hasText: '85123A' }).locator('.tag.drift').waitFor();
  t.is(await page.getByRole('button', { name: /freeze|resume|drain/ }).count(), 0, 'no buttons without a token');
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await picture(page, 'phone-dark');
  const wider = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  t.is(await wider(), 0, 'the page is as wide as the phone');
  await page.getByRole('button', { name: /^Colours/ }).click();
  t.not(await ground(), dark, 'light, though the machine has it dark');
  await page.getByRole('button', { name: /^Colours/ }).click();
  await page.locator('.pair', { hasText: '85123A' }).click();
  await page.getByRole('heading', { name: '85123A' }).waitFor();
  await page.locator('.moment').first().waitFor();
  t.is(await wider(), 0);
  await picture(page, 'phone-sku');
  t.deepEqual(complaints.splice(0), []);
});
