// Each layer alone, the others switched off: what one of them misses, the next one must hold.
import type { Page } from '@playwright/test';

import { expect, open, read, row } from '../support/fixtures';
import { CORPUS, type Hostile } from './corpus';
import { only, putRaw } from './layers';
import { test, watch } from './watch';

const aiming = (...aims: Hostile['aims']) =>
  CORPUS.filter((each) => each.aims.some((aim) => aims.includes(aim)));

const HARMLESS = { subject: 'Harmless', html: '<p>Nothing to see</p>' };

/** A page with a harmless message open, whose frame can be filled with what nobody cleaned. */
async function reading(page: Page): Promise<void> {
  await open(page);
  await read(page, 'Harmless');
  await expect(row(page, 'Harmless')).not.toContainText('Unread.');
  await expect(page.locator('iframe').contentFrame().getByText('Nothing to see')).toBeVisible();
}

test('the cleaning alone holds', async ({ canary, mail, me, server, signedIn }) => {
  for (const { name, html } of CORPUS) {
    await mail(me, {
      subject: `Hostile ${name}`,
      html: `<p>Words before.</p>${html(canary.origin)}`,
    });
  }
  const page = await signedIn(me);
  await only(page, { framePolicy: false, sandbox: false, pagePolicy: false });
  const watched = watch(page, canary, server.url);
  await open(page);
  for (const { name } of CORPUS) {
    await read(page, `Hostile ${name}`);
    await expect(page.locator('iframe')).not.toHaveAttribute('sandbox');
    await expect(page.locator('iframe').contentFrame().getByText('Words before.')).toBeAttached();
    await watched.expectNothing(name);
  }
});

for (const layer of ['frame', 'page'] as const) {
  test(`the ${layer}’s policy alone holds`, async ({ canary, mail, me, server, signedIn }) => {
    await mail(me, HARMLESS);
    const page = await signedIn(me);
    await only(page, {
      framePolicy: layer === 'frame',
      sandbox: false,
      pagePolicy: layer === 'page',
    });
    const watched = watch(page, canary, server.url);
    await reading(page);
    // The page's policy is for what would get into the page itself.
    for (const { name, html } of aiming('script', 'load')) {
      await putRaw(page, html(canary.origin), layer);
      // No policy keeps a browser from connecting ahead (rel="preconnect"); nothing is asked.
      await watched.expectNothing(name, { connections: false });
    }
  });
}

test('the frame’s policy alone lets no form be sent', async ({
  canary,
  mail,
  me,
  server,
  signedIn,
}) => {
  await mail(me, HARMLESS);
  const page = await signedIn(me);
  await only(page, { framePolicy: true, sandbox: false, pagePolicy: false });
  const watched = watch(page, canary, server.url);
  await reading(page);
  await putRaw(page, `<form action="${canary.origin}/form"><button>Send</button></form>`, 'frame');
  await page.locator('iframe').contentFrame().getByRole('button', { name: 'Send' }).click();
  // Chromium connects ahead of the check; nothing is asked.
  await watched.expectNothing('form', { connections: false });
});

test('the sandbox alone lets no script run, no form be sent, and the page not be led away', async ({
  canary,
  mail,
  me,
  server,
  signedIn,
}) => {
  await mail(me, HARMLESS);
  const page = await signedIn(me);
  await only(page, { framePolicy: false, sandbox: true, pagePolicy: false });
  const watched = watch(page, canary, server.url);
  await reading(page);
  const address = page.url();
  await putRaw(
    page,
    `<form action="${canary.origin}/form" target="_top"><button>Send</button></form>
     <a href="${canary.origin}/top" target="_top">Away</a>`,
    'frame',
  );
  const frame = page.locator('iframe').contentFrame();
  await frame.getByRole('button', { name: 'Send' }).click();
  await frame.getByRole('link', { name: 'Away' }).click();
  await watched.expectNothing('form and link');
  expect(page.url()).toBe(address);
  for (const { name, html } of aiming('script')) {
    await putRaw(page, html(canary.origin), 'frame');
    await watched.expectNothing(name, { requests: false }); // loads are not its business
  }
});

test('the page’s policy alone keeps the frame from being led elsewhere', async ({
  canary,
  mail,
  me,
  server,
  signedIn,
}) => {
  await mail(me, HARMLESS);
  const page = await signedIn(me);
  await only(page, { framePolicy: false, sandbox: false, pagePolicy: true });
  const watched = watch(page, canary, server.url);
  await reading(page);
  await putRaw(
    page,
    `<meta http-equiv="refresh" content="0;url=${canary.origin}/meta-refresh">`,
    'frame',
  );
  // Chromium connects ahead of the check; nothing is asked.
  await watched.expectNothing('meta refresh', { connections: false });
});

test('without any layer the same mail does run and does leave: the tricks are real', async ({
  canary,
  mail,
  me,
  signedIn,
}) => {
  await mail(me, HARMLESS);
  const page = await signedIn(me);
  await only(page, { framePolicy: false, sandbox: false, pagePolicy: false });
  const dialogs: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  await reading(page);
  for (const { html, aims } of CORPUS) {
    if (!aims.includes('navigate')) await putRaw(page, html(canary.origin), 'frame');
  }
  await expect.poll(() => dialogs.length).toBeGreaterThan(5);
  await expect.poll(() => new Set(canary.asked).size).toBeGreaterThan(20);
});
