// Snoozing, muting, labels, saved searches.
import type { Locator, Page } from '@playwright/test';

import { expect, open, read, row, rows, test } from '../support/fixtures';

const folders = (page: Page) => page.getByRole('navigation', { name: 'Folders' });
const notices = (page: Page) => page.getByRole('region', { name: 'Notices' });
const toolbar = (page: Page) => page.getByRole('toolbar', { name: 'Conversation' });

/** The row has the focus: single keys are about it. */
async function focus(target: Locator): Promise<void> {
  await target.focus();
  await expect(target).toBeFocused();
}

test('what is snoozed waits in its folder, and comes back on top, unread', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Water the plants' });
  await mail(me, { subject: 'Newer than that' });
  const page = await signedIn(me, { settings: { markReadAfter: 0 } });
  await open(page);
  await expect(rows(page)).toHaveCount(2);
  await focus(row(page, 'Water the plants'));
  await page.keyboard.press('b');
  const dialog = page.getByRole('dialog', { name: 'Snooze until…' });
  await dialog.getByRole('button', { name: /^Tomorrow/ }).click();
  await expect(row(page, 'Water the plants')).toHaveCount(0);
  await expect(notices(page)).toContainText('Snoozed until');
  await notices(page).getByRole('button', { name: 'Undo' }).click();
  await expect(row(page, 'Water the plants')).toBeVisible();

  // Once more, to a time of one's own; a time that is over is refused.
  await focus(row(page, 'Water the plants'));
  await page.keyboard.press('b');
  await dialog.getByLabel('Day and time').fill('2020-01-01T10:00');
  await dialog.getByRole('button', { name: 'Snooze', exact: true }).click();
  await expect(dialog.getByRole('alert')).toContainText('still to come');
  await dialog.getByLabel('Day and time').fill('2090-01-01T10:00');
  await dialog.getByRole('button', { name: 'Snooze', exact: true }).click();
  await folders(page)
    .getByRole('link', { name: /^Snoozed/ })
    .click();
  await expect(row(page, 'Water the plants')).toContainText('until Jan 1, 2090');
  await open(page, '/search?q=is:snoozed');
  await expect(rows(page)).toHaveCount(1);
  await open(page, '/mail/inbox');
  await expect(rows(page)).toHaveCount(1);

  // Its time comes.
  const [waiting] = await me.jmap.inRole('snoozed');
  const until = new Date(Date.now() + 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  await me.jmap.call('Email/set', {
    update: { [String(waiting?.['id'])]: { 'snoozed/until': until } },
  });
  await expect(rows(page)).toHaveCount(2);
  await expect(rows(page).first()).toContainText('Water the plants');
  await expect(rows(page).first()).toContainText('Unread.');
  await expect(rows(page).first().getByRole('img', { name: 'back from snooze' })).toBeVisible();
  await read(page, 'Water the plants');
  await expect(row(page, 'Water the plants')).not.toContainText('Unread.');
  await expect(row(page, 'Water the plants').getByRole('img', { name: /back/ })).toHaveCount(0);
  await open(page, '/mail/snoozed');
  await expect(page.getByText('Nothing is waiting')).toBeVisible();
});

test('several are snoozed at once, and brought back by hand', async ({ me, mail, signedIn }) => {
  for (const name of ['One', 'Two', 'Three']) await mail(me, { subject: `${name} of them` });
  const page = await signedIn(me);
  await open(page);
  await expect(rows(page)).toHaveCount(3);
  await page.getByRole('checkbox', { name: 'Select all' }).check();
  const header = page.getByRole('region', { name: 'Inbox' }).locator('header');
  await header.getByRole('button', { name: 'Snooze…' }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Tomorrow/ })
    .click();
  await expect(page.getByText('Nothing here')).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('b');
  await expect(page).toHaveURL(/\/mail\/snoozed/);
  await expect(rows(page)).toHaveCount(3);
  const thread = await read(page, 'Two of them');
  await expect(thread.getByText(/Snoozed until/)).toBeVisible();
  await thread.getByRole('button', { name: 'Bring back now' }).click();
  await expect(rows(page)).toHaveCount(2);
  await open(page, '/mail/inbox');
  await expect(row(page, 'Two of them')).toBeVisible();
});

test('answers in a muted conversation go past the inbox', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'Endless', messageId: '<endless-1@elsewhere.test>' });
  const page = await signedIn(me);
  await open(page);
  await focus(row(page, 'Endless'));
  await page.keyboard.press('m');
  await expect(notices(page)).toContainText('Muted');
  await expect(page.getByText('Nothing here')).toBeVisible();
  const answer = {
    subject: 'Re: Endless',
    inReplyTo: '<endless-1@elsewhere.test>',
  };
  await mail(me, answer);
  await mail(me, { subject: 'Something else' });
  await expect(rows(page)).toHaveCount(1);
  await open(page, '/search?q=is:muted');
  await expect(row(page, 'Endless').getByRole('img', { name: 'muted' })).toBeVisible();
  const thread = await read(page, 'Endless');
  await expect(thread.getByRole('article')).toHaveCount(2);
  await thread.getByRole('button', { name: 'Mute no more' }).click();
  await expect(thread.getByText(/Muted:/)).toHaveCount(0);
  await mail(me, answer);
  await open(page, '/mail/inbox');
  await expect(rows(page)).toHaveCount(2);
});

test('labels: made, put on, coloured, taken off', async ({ me, mail, signedIn }) => {
  for (const name of ['Oak', 'Elm']) await mail(me, { subject: `About the ${name}` });
  const page = await signedIn(me);
  await open(page);
  await expect(rows(page)).toHaveCount(2);
  await page.getByRole('checkbox', { name: 'Select all' }).check();
  await page.keyboard.press('l');
  const dialog = page.getByRole('dialog', { name: 'Labels' });
  await dialog.getByLabel('Find or create a label').fill('Trees');
  await page.keyboard.press('Enter');
  await expect(dialog.getByRole('option', { name: 'Trees' })).toHaveAttribute(
    'aria-checked',
    'true',
  );
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await expect(row(page, 'About the Oak')).toContainText('Trees');
  const label = folders(page).getByRole('link', { name: /^Trees/ });
  await label.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Colour' }).press('ArrowRight');
  await page.getByRole('menuitem', { name: 'Green', exact: true }).click();
  await expect(row(page, 'About the Oak').locator('.label-chip')).toHaveText('Trees');

  const thread = await read(page, 'About the Oak');
  await thread.getByRole('button', { name: 'Take Trees off' }).click();
  await expect(row(page, 'About the Oak')).not.toContainText('Trees');
  await expect(row(page, 'About the Elm')).toContainText('Trees');

  // Only some have it now: that stays so unless one says otherwise.
  await open(page);
  await page.getByRole('checkbox', { name: 'Select all' }).check();
  await page.keyboard.press('l');
  await expect(dialog.getByRole('option', { name: 'Trees' })).toHaveAttribute(
    'aria-checked',
    'mixed',
  );
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await expect(row(page, 'About the Elm')).toContainText('Trees');
  await open(page, '/search?q=has:label');
  await expect(rows(page)).toHaveCount(1);

  // Dragged with Ctrl held, it gets the label and stays where it is.
  await open(page);
  await page.keyboard.down('Control');
  await row(page, 'About the Oak').dragTo(folders(page).getByRole('link', { name: /^Trees/ }));
  await page.keyboard.up('Control');
  await expect(row(page, 'About the Oak')).toContainText('Trees');
});

test('a folder is put into another, hidden, and shown again', async ({ me, signedIn }) => {
  for (const name of ['Outer', 'Inner']) {
    await me.jmap.call('Mailbox/set', { create: { a: { name, isSubscribed: true } } });
  }
  const page = await signedIn(me);
  await open(page);
  const inner = folders(page).getByRole('link', { name: 'Inner' });
  await inner.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Move into' }).press('ArrowRight');
  await page.getByRole('menuitem', { name: 'Outer' }).click();
  await expect(folders(page).getByRole('button', { name: 'Folders in Outer' })).toBeVisible();
  await inner.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Hide from the list' }).click();
  await expect(inner).toHaveCount(0);
  await folders(page).getByRole('button', { name: '1 hidden folder' }).click();
  await inner.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Show in the list' }).click();
  await expect(folders(page).getByRole('button', { name: /hidden folder/ })).toHaveCount(0);
  await expect(inner).toBeVisible();
});

test('a search is saved, found again on another device, renamed, deleted and brought back', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Rent for May' });
  await mail(me, { subject: 'Rent for June' });
  const page = await signedIn(me);
  await open(page, '/search?q=subject:rent%20June');
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole('button', { name: 'Save this search' }).click();
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('Rent in June');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(notices(page)).toContainText('Saved.');
  await expect(page.getByRole('button', { name: 'Save this search' })).toHaveCount(0);

  const other = await signedIn(me);
  await open(other);
  const saved = (name: string) => folders(other).getByRole('link', { name });
  await saved('Rent in June').click();
  await expect(other).toHaveURL(/\/search\?q=subject/);
  await expect(rows(other)).toHaveCount(1);
  await saved('Rent in June').click({ button: 'right' });
  await other.getByRole('menuitem', { name: 'Rename' }).click();
  await other.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('Rents');
  await other.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
  await saved('Rents').click({ button: 'right' });
  await other.getByRole('menuitem', { name: 'Delete search' }).click();
  await expect(saved('Rents')).toHaveCount(0);
  await notices(other).getByRole('button', { name: 'Undo' }).click();
  await expect(saved('Rents')).toBeVisible();
});

test('panes keep their widths', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await open(page);
  const handle = page.getByRole('separator', { name: 'Width of the list' });
  await handle.focus();
  const written = page.waitForResponse(
    (each) => each.url().endsWith('/api/v1/settings') && each.request().method() === 'PUT',
  );
  await page.keyboard.press('ArrowRight');
  await written;
  const width = await handle.getAttribute('aria-valuenow');
  await page.reload();
  await expect(handle).toHaveAttribute('aria-valuenow', width ?? '');
  expect(Number(width)).toBe(416);
  await expect(toolbar(page)).toHaveCount(0);
});
