// Without a network: what was read is there, what is done is sent later, and nothing stays when one signs out.
import type { Page } from '@playwright/test';

import { expect, open, read, row, rows, signIn, test, write } from '../support/fixtures';

const workers = { serviceWorkers: 'allow' as const };

const databases = (page: Page) =>
  page.evaluate(async () => (await indexedDB.databases()).map((each) => each.name));

/** How many entries of a kind this browser keeps. */
async function kept(page: Page, kind: string): Promise<number> {
  if (!(await databases(page)).includes('mailsys-mail')) return -1;
  return page.evaluate(
    (wanted) =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open('mailsys-mail');
        opening.onerror = () => reject(new Error('not opened'));
        opening.onsuccess = () => {
          const db = opening.result;
          const all = db.transaction('entries').objectStore('entries').getAll();
          all.onsuccess = () => {
            db.close();
            resolve((all.result as { kind: string }[]).filter((each) => each.kind === wanted).length);
          };
        };
      }),
    kind,
  ); // prettier-ignore
}

/** The shell is kept: from here on the page starts without a network. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true); // prettier-ignore
}

test('after a reload without a network, mail that was read is there; what is done to it is sent later', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Kept letter', html: '<p>Words that I read <b>on the train</b></p>' });
  await mail(me, { subject: 'Another letter', text: 'Never opened' });
  const page = await signedIn(me, workers);
  await open(page);
  await settled(page);
  const thread = await read(page, 'Kept letter');
  await expect(thread.frameLocator('iframe').getByText('Words that I read')).toBeVisible();
  await expect.poll(() => kept(page, 'body')).toBeGreaterThan(0);
  await expect.poll(() => kept(page, 'list')).toBeGreaterThan(0);
  await expect.poll(() => kept(page, 'identities')).toBe(1);

  // The shell is kept, and of mail not a word beside the database.
  const addresses = await page.evaluate(async () => {
    const all = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys())); // prettier-ignore
    return all.flat().map(({ url }) => new URL(url).pathname);
  });
  expect(addresses).toContain('/index.html');
  expect(addresses.filter((path) => /^\/(api|jmap|mail)/.test(path))).toEqual([]);

  await page.context().setOffline(true);
  await page.reload();
  await expect(page.getByText(/You are offline/)).toBeVisible();
  await expect(
    page.getByRole('article').frameLocator('iframe').getByText('Words that I read'),
  ).toBeVisible();
  await expect(rows(page)).toHaveCount(2);
  await row(page, 'Another letter').hover();
  await row(page, 'Another letter').getByRole('button', { name: 'Archive' }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByText('1 change is sent later.')).toBeVisible();
  // What is written now is kept as well.
  const box = await write(page, { subject: 'Written in the tunnel', text: 'Word for word' });
  await expect(box.getByText(/Offline: kept in this browser/)).toBeVisible();

  await page.reload();
  await expect(page.getByText('1 change is sent later.')).toBeVisible();
  await expect(rows(page)).toHaveCount(1);

  await page.context().setOffline(false);
  await expect(page.getByText(/You are offline/)).toHaveCount(0, { timeout: 40_000 });
  await expect.poll(async () => (await me.jmap.inRole('archive')).length).toBe(1);
  await expect(page.getByRole('dialog').getByText('Saved', { exact: true })).toBeVisible({ timeout: 30_000 }); // prettier-ignore
  expect(JSON.stringify((await me.jmap.inRole('drafts'))[0])).toContain('Word for word');
});

test('what another program does meanwhile is shown as soon as there is a network', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Gone tomorrow', text: 'x' });
  const page = await signedIn(me, workers);
  await open(page);
  await settled(page);
  await expect(row(page, 'Gone tomorrow')).toBeVisible();
  await expect.poll(() => kept(page, 'email')).toBe(1);
  await page.context().setOffline(true);
  await page.reload();
  await expect(row(page, 'Gone tomorrow')).toContainText('Unread.');
  const [email] = await me.jmap.inRole('inbox');
  await me.jmap.call('Email/set', { update: { [String(email?.['id'])]: { 'keywords/$seen': true } } }); // prettier-ignore
  await page.context().setOffline(false);
  await expect(row(page, 'Gone tomorrow')).not.toContainText('Unread.');
});

test('who signs out leaves nothing behind, and the next person finds nothing', async ({
  browser,
  me,
  mail,
  newPerson,
  server,
  signedIn,
}) => {
  await mail(me, { subject: 'Private', text: 'x' });
  const page = await signedIn(me, workers);
  await open(page);
  await settled(page);
  await expect.poll(() => kept(page, 'email')).toBe(1);
  await page.getByRole('button', { name: /Account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/sign-in/);
  await expect.poll(() => databases(page)).not.toContain('mailsys-mail');

  // A session that ended while the page was closed: the next start wipes.
  const other = await signIn(browser, server, newPerson().address, workers);
  await open(other);
  await settled(other);
  await expect.poll(() => kept(other, 'mailboxes')).toBe(1);
  await other.context().clearCookies();
  await other.reload();
  await expect(other).toHaveURL(/sign-in/);
  await expect.poll(() => databases(other)).not.toContain('mailsys-mail');
  await other.context().close();
});

test('two windows without a network send what was done in each', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'One' });
  await mail(me, { subject: 'Two' });
  const one = await signedIn(me, workers);
  await open(one);
  await settled(one);
  const two = await one.context().newPage();
  await open(two);
  await settled(two);
  await expect(rows(two)).toHaveCount(2);
  await expect.poll(() => kept(one, 'email')).toBe(2);
  await one.context().setOffline(true);
  for (const [page, subject] of [[one, 'One'], [two, 'Two']] as const) {
    await row(page, subject).hover();
    await row(page, subject).getByRole('button', { name: 'Archive' }).click();
    await expect(page.getByText('1 change is sent later.')).toBeVisible();
  } // prettier-ignore
  const context = one.context();
  // The windows are closed before there is a network; the next one finds what both left.
  await one.close();
  await two.close();
  const next = await context.newPage();
  await next.goto('/mail/inbox');
  await expect(next.getByText('2 changes are sent later.')).toBeVisible();
  await context.setOffline(false);
  await expect.poll(async () => (await me.jmap.inRole('archive')).length, { timeout: 40_000 }).toBe(2); // prettier-ignore
});

test('a page whose parts the server has no more offers the new version', async ({
  me,
  signedIn,
}) => {
  const page = await signedIn(me);
  await open(page);
  await page.route(/assets\/SettingsPage/, (route) => route.fulfill({ status: 404 }));
  await page.getByRole('button', { name: /Account/ }).click();
  await page.getByRole('menuitem', { name: 'Settings' }).click();
  await expect(page.getByText('There is a new version').last()).toBeVisible();
  await page.unroute(/assets\/SettingsPage/);
  await page.getByRole('button', { name: 'Reload' }).click();
  await expect(page.getByRole('navigation', { name: 'Settings' })).toBeVisible();
});
