// Scenarios 13 and 15: changing many and one, taking it back, refused changes, long lists.
import type { Page } from '@playwright/test';

import { expect, open, read, row, rows, test } from '../support/fixtures';

const press = async (page: Page, subject: string, name: string) => {
  await row(page, subject).hover();
  await row(page, subject).getByRole('button', { name, exact: true }).click();
};

const undo = (page: Page) =>
  page.getByRole('region', { name: 'Notices' }).getByRole('button', { name: 'Undo' }).click();

test('star, read, trash and restore one conversation', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'One thing' });
  const page = await signedIn(me);
  await open(page);
  await press(page, 'One thing', 'Star');
  await open(page, '/mail/starred');
  await expect(row(page, 'One thing')).toBeVisible();
  await press(page, 'One thing', 'Mark as read');
  await expect(row(page, 'One thing')).not.toContainText('Unread.');
  await press(page, 'One thing', 'Delete');
  // Starred is what is kept: the trash is not part of it.
  await expect(page.getByText('Nothing here')).toBeVisible();
  await open(page, '/mail/trash');
  await expect(row(page, 'One thing')).toBeVisible();
  await read(page, 'One thing');
  await page
    .getByRole('toolbar', { name: 'Conversation' })
    .getByRole('button', { name: /Move to/ })
    .click();
  await page.getByRole('dialog').getByRole('option', { name: 'Inbox' }).click();
  await open(page, '/mail/inbox');
  await expect(row(page, 'One thing')).toBeVisible();
});

test('what is undone comes back where it was', async ({ me, mail, signedIn }) => {
  for (const name of ['First', 'Middle', 'Last']) await mail(me, { subject: `${name} of three` });
  const page = await signedIn(me);
  await open(page);
  await expect(rows(page)).toHaveCount(3);
  await press(page, 'Middle of three', 'Archive');
  await expect(rows(page)).toHaveCount(2);
  await undo(page);
  await expect(rows(page)).toHaveCount(3);
  await expect(rows(page).nth(1)).toContainText('Middle of three');
});

test('deleting for ever asks first, and then it is gone', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'For the shredder' });
  const page = await signedIn(me);
  await open(page);
  await press(page, 'For the shredder', 'Delete');
  await open(page, '/mail/trash');
  await press(page, 'For the shredder', 'Delete for ever');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(row(page, 'For the shredder')).toBeVisible();
  await press(page, 'For the shredder', 'Delete for ever');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete for ever' }).click();
  await expect(page.getByText('Nothing here')).toBeVisible();
  expect(await me.jmap.emails({})).toHaveLength(0);
});

test('many at once: by range, by kind, all that match, and back', async ({
  me,
  mail,
  signedIn,
}) => {
  for (let n = 0; n < 12; n += 1) await mail(me, { subject: `Bulk number ${n}` });
  const page = await signedIn(me);
  await open(page);
  await expect(rows(page)).toHaveCount(12);
  const box = (n: number) =>
    page.getByRole('checkbox', { name: `Select: Bulk number ${n}`, exact: true });
  await box(10).check({ force: true });
  await box(6).click({ modifiers: ['Shift'], force: true });
  await expect(page.getByText('5 selected')).toBeVisible();
  const header = page.getByRole('region', { name: 'Inbox' }).locator('header');
  await header.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(rows(page)).toHaveCount(7);
  await undo(page);
  await expect(rows(page)).toHaveCount(12);
  await page.getByRole('checkbox', { name: 'Select all' }).check();
  await expect(page.getByText('12 selected')).toBeVisible();
  await header.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Mark as read' }).click();
  await expect(page).toHaveTitle(/^Inbox/);
});

test('a change that the server refuses is taken back, and said', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'Steadfast' });
  const page = await signedIn(me);
  await open(page);
  await expect(row(page, 'Steadfast')).toBeVisible();
  await page.route('**/jmap/api', async (route) => {
    if (route.request().postData()?.includes('Email/set')) {
      await route.fulfill({ status: 500, json: { type: 'about:blank', status: 500 } });
    } else await route.continue();
  });
  await press(page, 'Steadfast', 'Archive');
  await expect(page.getByRole('region', { name: 'Notices' })).toContainText(/refused|500/i);
  await expect(row(page, 'Steadfast')).toBeVisible();
});

test('rows of one moment are each shown exactly once, however far one scrolls', async ({
  me,
  signedIn,
}) => {
  const inbox = await me.jmap.mailbox('inbox');
  const count = 130;
  const at = '2026-03-01T10:00:00Z';
  const create = Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `e${n}`,
      {
        mailboxIds: { [inbox]: true },
        receivedAt: at,
        subject: `Same moment ${String(n).padStart(3, '0')}`,
        from: [{ name: 'Clock', email: 'clock@far.test' }],
        bodyValues: { t: { value: 'tick' } },
        textBody: [{ partId: 't', type: 'text/plain' }],
      },
    ]),
  );
  const { notCreated } = await me.jmap.call<{ notCreated: unknown }>('Email/set', { create });
  expect(notCreated ?? null).toBeNull();
  const page = await signedIn(me);
  await open(page);
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', String(count));
  const seen = new Map<string, string>();
  const grid = page.getByRole('grid');
  await grid.hover();
  for (let step = 0; step < 80; step += 1) {
    const drawn = await rows(page).evaluateAll((all) =>
      all.map((each) => [
        each.getAttribute('aria-rowindex') ?? '',
        /Same moment \d{3}/.exec(each.textContent)?.[0] ?? '',
      ]),
    );
    for (const [index, subject] of drawn) {
      if (index !== undefined && subject !== undefined && subject !== '') seen.set(index, subject);
    }
    if (seen.size === count) break;
    await page.mouse.wheel(0, 400);
    await page.waitForTimeout(60); // a person's wheel turns no faster
  }
  expect(seen.size).toBe(count);
  expect(new Set(seen.values()).size).toBe(count);
});

test('mail that comes while one has scrolled down leaves the rows where they are', async ({
  me,
  mail,
  signedIn,
}) => {
  const inbox = await me.jmap.mailbox('inbox');
  const create = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [
      `e${n}`,
      {
        mailboxIds: { [inbox]: true },
        receivedAt: new Date(Date.UTC(2026, 2, 1, 0, n)).toISOString().replace('.000', ''),
        subject: `Old letter ${n}`,
        from: [{ name: 'Past', email: 'past@far.test' }],
        bodyValues: { t: { value: 'long ago' } },
        textBody: [{ partId: 't', type: 'text/plain' }],
      },
    ]),
  );
  await me.jmap.call('Email/set', { create });
  const page = await signedIn(me);
  await open(page);
  await rows(page).first().hover();
  await page.mouse.wheel(0, 3000);
  const marked = row(page, 'Old letter 50');
  await expect(marked).toBeVisible();
  await page.waitForTimeout(300); // the wheel comes to rest
  const before = await marked.boundingBox();
  await mail(me, { subject: 'Just now' });
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', '101');
  const after = await marked.boundingBox();
  expect(Math.abs((after?.y ?? 0) - (before?.y ?? 0))).toBeLessThan(3);
  await page.keyboard.press('Home');
  await rows(page).first().hover();
  await page.mouse.wheel(0, -20_000);
  await expect(row(page, 'Just now')).toBeVisible();
});

test('a folder is made, and filled by dragging', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'To be filed' });
  const page = await signedIn(me);
  await open(page);
  await page.getByRole('button', { name: 'New folder' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Taxes');
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
  const folder = page
    .getByRole('navigation', { name: 'Folders' })
    .getByRole('link', { name: 'Taxes' });
  await row(page, 'To be filed').dragTo(folder);
  await expect(page.getByText('Nothing here')).toBeVisible();
  await folder.click();
  await expect(row(page, 'To be filed')).toBeVisible();
});
