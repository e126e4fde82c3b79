// Scenario 21: hostile mail by SMTP, read as anybody reads mail, with every layer in place.
import type { FrameLocator, Page } from '@playwright/test';

import { expect, open, read, row, rows } from '../support/fixtures';
import { CORPUS, fiveMegabytes, hugeTable } from './corpus';
import { test, watch } from './watch';

const body = (page: Page): FrameLocator =>
  page.getByRole('region', { name: 'Conversation' }).frameLocator('iframe');

/** Whatever is in the message is pressed and passed over, whether it can be seen or not. */
async function pressEverything(page: Page): Promise<void> {
  await body(page)
    .locator('body')
    .evaluate((root) => {
      for (const each of root.querySelectorAll<HTMLElement>('*')) {
        if (each.matches('a[href^="http"]')) continue; // leads elsewhere, as links do
        for (const kind of ['mouseover', 'pointerenter', 'mousedown', 'mouseup'])
          each.dispatchEvent(new MouseEvent(kind, { bubbles: true, cancelable: true }));
        each.focus?.();
        if (each.closest('a[href^="http"]') === null) each.click?.();
      }
    });
}

for (const theme of ['light', 'dark'] as const) {
  test(`read, pressed and forwarded, nothing runs and nothing leaves (${theme})`, async ({
    canary,
    mail,
    me,
    server,
    signedIn,
  }) => {
    for (const { name, html } of CORPUS) {
      await mail(me, {
        subject: `Hostile ${name}`,
        html: `<p>Words before.</p>${html(canary.origin)}`,
      });
    }
    const page = await signedIn(me, { colorScheme: theme });
    const watched = watch(page, canary, server.url);
    await open(page);
    for (const { name } of CORPUS) {
      const thread = await read(page, `Hostile ${name}`);
      await expect(body(page).getByText('Words before.')).toBeAttached();
      const address = page.url();
      await pressEverything(page);
      await watched.expectNothing(name);
      expect(page.url()).toBe(address);
      // What is answered and forwarded is cleaned as well.
      await thread.getByRole('button', { name: 'Forward' }).last().click();
      const box = page.getByRole('dialog');
      await box.getByRole('button', { name: 'Show the quoted text' }).click();
      await expect(box.getByRole('textbox', { name: 'Message' })).toContainText('Words before.');
      await watched.expectNothing(`${name}, forwarded`);
      await page.keyboard.press('Escape');
      await expect(box).toHaveCount(0);
    }
    await expect(rows(page)).toHaveCount(CORPUS.length);
    await expect(page.getByText('This page broke')).toHaveCount(0);
  });
}

test('pictures from elsewhere are asked for by the server, without a cookie, once somebody wants them', async ({
  canary,
  mail,
  me,
  signedIn,
}) => {
  await mail(me, {
    subject: 'A picture',
    html: `<p>Look</p><img src="${canary.origin}/picture.png" alt="a picture">`,
  });
  const page = await signedIn(me);
  const strangers: string[] = [];
  page.on('request', (request) => {
    if (request.url().startsWith(canary.origin)) strangers.push(request.url());
  });
  await open(page);
  const thread = await read(page, 'A picture');
  await expect(thread.getByText(/1 image from elsewhere is not shown/)).toBeVisible();
  expect(canary.asked).toEqual([]);
  await thread.getByRole('button', { name: 'Show', exact: true }).click();
  await expect.poll(() => canary.asked).toContain('/picture.png');
  expect(strangers).toEqual([]);
  await expect(body(page).locator('img')).toHaveAttribute('src', /^\/api\/v1\/image\?/);
});

test('names that turn the reading direction or look like others are shown for what they are', async ({
  mail,
  me,
  signedIn,
}) => {
  await mail(me, {
    subject: 'Invoice \u202Egnp.exe \u2066hidden\u2069',
    from: '"boss@local.test \u202E" <evil@far.test>',
    html: '<p><a href="https://xn--pypal-4ve.com/in">https://paypal.com/in</a> <a href="https://far.test/x">words</a></p>',
    attachments: [
      { name: '../../etc/\u202Egpj.exe', type: 'application/octet-stream', content: 'MZ' },
      { name: 'a"b\r\nX: y.txt', type: 'text/plain', content: 'x' },
    ],
  });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Invoice');
  const controls = /[\u202A-\u202E\u2066-\u2069\u200E\u200F]/;
  expect(await page.evaluate(() => document.body.textContent)).not.toMatch(controls);
  expect(await page.title()).not.toMatch(controls);
  await expect(thread.getByText('<evil@far.test>')).toBeVisible();
  for (const file of await thread.getByRole('link', { name: /^Download/ }).all()) {
    const name = (await file.getAttribute('download')) ?? '';
    expect(name).not.toMatch(controls);
  }
  const link = body(page).getByRole('link', { name: 'https://paypal.com/in' });
  await link.hover();
  await expect(page.getByText(/xn--pypal-4ve\.com/)).toBeVisible();
  await link.click();
  await expect(page.getByRole('dialog')).toContainText('paypal.com');
  await expect(page.getByRole('dialog')).toContainText('xn--pypal-4ve.com');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  expect(page.context().pages()).toHaveLength(1);
});

for (const [name, make] of [
  ['a huge table', hugeTable],
  ['five megabytes of markup', fiveMegabytes],
] as const) {
  test(`${name}: the list stays usable`, async ({ mail, me, signedIn }) => {
    await mail(me, { subject: 'Before it' });
    await mail(me, { subject: 'The big one', html: make() });
    const page = await signedIn(me);
    await open(page);
    await row(page, 'The big one').click();
    await expect(body(page).locator('body')).not.toBeEmpty();
    await expect(page.getByText('only its beginning is shown')).toBeVisible();
    await row(page, 'Before it').click();
    await expect(page.getByRole('heading', { name: 'Before it', level: 2 })).toBeVisible();
    await row(page, 'The big one').click();
    await page.keyboard.press('e');
    await expect(rows(page)).toHaveCount(1);
  });
}

test('a subject, a name and an address of ten thousand letters break no layout', async ({
  mail,
  me,
  signedIn,
}) => {
  await mail(me, {
    subject: 'W'.repeat(10_000),
    from: `"${'N'.repeat(900)}" <long@far.test>`,
    text: 'x'.repeat(100_000),
  });
  const page = await signedIn(me, { viewport: { width: 360, height: 740 } });
  await open(page);
  await read(page, 'WWWW');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
});
