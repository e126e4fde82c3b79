// What one sets, seen where it matters: in mail, in the composer, on the page.
import { readFile } from 'node:fs/promises';

import { composer, expect, open, read, row, rows, send, test, write } from '../support/fixtures';
import { message } from '../support/message';

test('an automatic answer goes out once to who writes', async ({ me, mail, signedIn, sink }) => {
  const page = await signedIn(me);
  await page.goto('/settings/vacation');
  await page.getByRole('switch', { name: 'Answer automatically' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('This is needed.')).toBeVisible();
  await page.getByLabel('Subject').fill('Gone fishing');
  await page.getByLabel('Text', { exact: true }).fill('Back on Monday.');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The automatic answer is on')).toBeVisible();
  const asker = `asker-${me.login}@elsewhere.test`;
  const parts = { from: asker, to: me.address, subject: 'Are you there?' };
  await mail(me, { ...parts, envelope: asker });
  const answers = () => sink.received.filter((each) => each.to.includes(asker));
  await expect.poll(() => answers().length).toBe(1);
  expect(answers()[0]?.text).toMatch(/^Subject: Gone fishing$/m);
  expect(answers()[0]?.text).toMatch(/^Auto-Submitted: auto-replied/m);
  await page.reload();
  await expect(page.getByLabel('Text', { exact: true })).toHaveValue('Back on Monday.');
  await page.getByRole('switch', { name: 'Answer automatically' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The automatic answer is off')).toBeVisible();
});

test('an identity’s name and signature stand in what is sent', async ({
  me,
  newPerson,
  signedIn,
}) => {
  const other = newPerson();
  const page = await signedIn(me);
  await page.goto('/settings/identities');
  await page.getByRole('button', { name: `Edit: ${me.address}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Mia Muster');
  await dialog.getByLabel('Signature', { exact: true }).fill('Mia\nGardens and more');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);
  await page.getByRole('button', { name: 'New identity' }).click();
  await dialog.getByLabel('Address', { exact: true }).fill('stranger@elsewhere.test');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText('You may not send from that address.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await open(page);
  const box = await write(page, { to: other.address, subject: 'Signed' });
  await expect(box.getByRole('textbox', { name: 'Message' })).toContainText('Gardens and more');
  await send(box);
  await expect.poll(async () => (await other.jmap.inRole('inbox')).length).toBe(1);
  const [email] = await other.jmap.inRole('inbox');
  expect(email?.['from']).toEqual([{ name: 'Mia Muster', email: me.address }]);
  expect(JSON.stringify(email?.['bodyValues'])).toContain('Gardens and more');
});

test('mail of another program is taken in, and given out again', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await page.goto('/settings/data');
  const eml = (subject: string) => message({ subject, text: `From here on: ${subject}` });
  const mbox = ['Second', 'Third']
    .map(
      (each) => `From x@y Thu Jan  1 00:00:00 2026\r\n${eml(each).replace(/^From /gm, '>From ')}`,
    )
    .join('\r\n\r\n');
  await page.getByLabel('Choose files').setInputFiles([
    { name: 'one.eml', mimeType: 'message/rfc822', buffer: Buffer.from(eml('First')) },
    { name: 'more.mbox', mimeType: 'application/mbox', buffer: Buffer.from(mbox) },
  ]);
  await expect(page.getByText('3 messages imported.')).toBeVisible();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe(`${me.address}.mbox`);
  const text = await readFile(await file.path(), 'utf8');
  expect(text.match(/^From /gm)).toHaveLength(3);
  for (const each of ['First', 'Second', 'Third']) expect(text).toContain(`Subject: ${each}`);
  await open(page);
  await expect(rows(page)).toHaveCount(3);
  await expect((await read(page, 'Third')).getByText('From here on: Third')).toBeVisible();
});

test('keys are changed, and switched off', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'Pressed' });
  const page = await signedIn(me);
  await page.goto('/settings/keys');
  await page.getByRole('button', { name: 'Change the keys: Archive', exact: true }).click();
  await page.getByRole('dialog').getByLabel('Press keys here').press('y');
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /Save|Done/ })
    .click();
  await open(page);
  await expect(row(page, 'Pressed')).toBeVisible();
  await page.keyboard.press('e');
  await page.keyboard.press('y');
  await expect(rows(page)).toHaveCount(0);
  await page.goto('/settings/keys');
  await page.getByRole('switch', { name: 'Keyboard shortcuts' }).click();
  await open(page);
  await page.keyboard.press('c');
  await page.keyboard.press('Control+k');
  await expect(page.getByPlaceholder('Type what you want to do')).toBeVisible();
  await expect(composer(page)).toHaveCount(0);
});

test('language, theme, density and conversations are as one chose, on every device', async ({
  me,
  mail,
  signedIn,
}) => {
  const id = '<topic@far.test>';
  await mail(me, { subject: 'Topic', messageId: id });
  await mail(me, { subject: 'Re: Topic', inReplyTo: id, references: [id] });
  const page = await signedIn(me);
  await page.goto('/settings/appearance');
  await page.getByText('Dark', { exact: true }).click();
  await page.getByText('Compact', { exact: true }).click();
  await page.getByRole('switch', { name: 'Conversations' }).click();
  await page.goto('/settings/account');
  await page.getByRole('combobox', { name: 'Language' }).selectOption({ label: 'Deutsch' });
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
  const elsewhere = await signedIn(me, { settings: {} });
  await open(elsewhere);
  await expect(elsewhere.getByRole('heading', { name: 'Posteingang', level: 1 })).toBeVisible();
  await expect(elsewhere.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(elsewhere.locator('html')).toHaveAttribute('data-density', 'compact');
  await expect(rows(elsewhere)).toHaveCount(2);
});
