// Contacts: from the message to the card, changed, grouped, written to; in and out as vCards; live.
import { readFile } from 'node:fs/promises';

import type { Page } from '@playwright/test';

import { composer, expect, open, read, row, rows, test, type Person } from '../support/fixtures';

const contacts = (page: Page) => rows(page);
const card = (page: Page) => page.getByRole('region', { name: 'Contact', exact: true });

const add = (person: Person, ...cards: Record<string, unknown>[]) =>
  person.jmap.call('ContactCard/set', {
    create: Object.fromEntries(cards.map((each, at) => [`c${at}`, each])),
  });

const VCARDS = `BEGIN:VCARD
VERSION:3.0
UID:zoe-1
N:Zorn;Zoe;;;
FN:Zoe Zorn
EMAIL;TYPE=INTERNET,WORK:zoe@elsewhere.test
X-OWN:kept
END:VCARD
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=84rger;Udo
TEL;CELL:0170 1
END:VCARD
BEGIN:VCARD
VERSION:4.0
X-NOTHING:1
END:VCARD
`;

// A red pixel.
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);

test('a sender becomes a contact, who is changed, found and written to', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Hello', from: 'Clara Stern <clara@elsewhere.test>' });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Hello');
  await thread.getByRole('article').getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Add sender to contacts' }).click();
  await expect(page.getByLabel('First name')).toHaveValue('Clara');
  await expect(page.getByLabel('Last name')).toHaveValue('Stern');
  await expect(page.getByRole('textbox', { name: 'Email' })).toHaveValue('clara@elsewhere.test');
  await page.getByRole('textbox', { name: 'Phone' }).fill('+49 170 1234567');
  await page.getByRole('textbox', { name: 'Day' }).fill('31');
  await page.getByLabel('Month').selectOption('April');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('There is no such day')).toBeVisible();
  await page.getByRole('textbox', { name: 'Day' }).fill('30');
  await page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name: 'clara.png', mimeType: 'image/png', buffer: PIXEL });
  await expect(page.getByRole('button', { name: 'Remove the photo' })).toBeVisible();
  await page.getByRole('button', { name: 'Save' }).click();

  await expect(card(page).getByRole('heading', { name: 'Clara Stern' })).toBeVisible();
  await expect(card(page)).toContainText('April 30');
  await expect(card(page).getByRole('link', { name: '+49 170 1234567' })).toBeVisible();
  const photo = card(page).locator('img').first();
  await expect.poll(() => photo.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(1);

  await card(page).getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('Organisation').fill('Sternwarte');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(card(page)).toContainText('Sternwarte');
  await page.getByRole('searchbox', { name: 'Search contacts' }).fill('sternw 1701234');
  await expect(contacts(page)).toHaveCount(1);
  await page.getByRole('searchbox', { name: 'Search contacts' }).fill('nobody');
  await expect(page.getByText('Nobody is called that')).toBeVisible();
  await page.getByRole('searchbox', { name: 'Search contacts' }).press('Escape');

  await card(page).getByRole('link', { name: 'Mail with this person' }).click();
  await expect(row(page, 'Hello')).toBeVisible();
  await page.goBack();
  await card(page).getByRole('button', { name: 'Write' }).click();
  await expect(composer(page).getByRole('list', { name: 'To' })).toContainText('Clara Stern');

  // Who is one already is shown, not made again.
  await open(page);
  const again = await read(page, 'Hello');
  await again.getByRole('article').getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Add sender to contacts' }).click();
  await expect(card(page)).toContainText('Sternwarte');
});

test('what was not saved is not lost without a word', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await open(page, '/people');
  await expect(page.getByText('No contacts yet')).toBeVisible();
  await page.getByRole('button', { name: 'New contact' }).first().click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('A contact has a name, an organisation')).toBeVisible();
  await page.getByLabel('First name').fill('Half');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByLabel('First name')).toHaveValue('Half');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
  await expect(page.getByText('No contacts yet')).toBeVisible();
});

test('keys: to the contacts, through them, away and back', async ({ me, signedIn }) => {
  await add(
    me,
    { name: { full: 'Anna' }, notes: { n: { note: 'first' } } },
    { name: { full: 'Bert' } },
    { name: { full: 'Carl' } },
  );
  const page = await signedIn(me);
  await open(page);
  await page.keyboard.press('g');
  await page.keyboard.press('c');
  await expect(contacts(page)).toHaveCount(3);
  await page.keyboard.press('j');
  await expect(card(page).getByRole('heading', { name: 'Anna' })).toBeVisible();
  await page.keyboard.press('j');
  await expect(card(page).getByRole('heading', { name: 'Bert' })).toBeVisible();
  await page.keyboard.press('k');
  await expect(card(page)).toContainText('first');
  await page.keyboard.press('#');
  await expect(contacts(page)).toHaveCount(2);
  await expect(card(page).getByRole('heading', { name: 'Bert' })).toBeVisible();
  await page.keyboard.press('z');
  await expect(contacts(page)).toHaveCount(3);
  await contacts(page).filter({ hasText: 'Anna' }).click();
  await expect(card(page)).toContainText('first'); // as it was
  await page.keyboard.press('/');
  await page.keyboard.type('car');
  await expect(contacts(page)).toHaveCount(1);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('c');
  await expect(page.getByLabel('First name')).toBeVisible();
});

test('groups: made, filled, written to by name', async ({ me, signedIn }) => {
  const email = (address: string) => ({ emails: { e: { address } } });
  await add(
    me,
    { name: { full: 'Anna' }, ...email('anna@elsewhere.test') },
    { name: { full: 'Bert' }, ...email('bert@elsewhere.test') },
    { name: { full: 'Carl' }, ...email('carl@elsewhere.test') },
  );
  const page = await signedIn(me);
  await open(page, '/people');
  await page.getByRole('button', { name: 'New group' }).click();
  await page.getByLabel('Name of the group').fill('Chess club');
  await page.getByRole('checkbox', { name: /Anna/ }).check();
  await page.getByRole('checkbox', { name: /Bert/ }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: /Chess club/ }).click();
  await expect(contacts(page)).toHaveCount(2);
  await page.getByRole('link', { name: /All contacts/ }).click();
  await contacts(page).filter({ hasText: 'Carl' }).click();
  await card(page).getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Chess club' }).click();
  await expect(card(page).getByRole('list', { name: 'Groups' })).toContainText('Chess club');

  await page.getByRole('button', { name: 'Inbox' }).click();
  await page.getByRole('button', { name: 'Compose' }).first().click();
  await composer(page).getByRole('combobox', { name: 'To' }).fill('chess');
  await page.getByRole('option', { name: /Chess club 3 people/ }).click();
  const to = composer(page).getByRole('list', { name: 'To' });
  for (const name of ['Anna', 'Bert', 'Carl']) await expect(to).toContainText(name);
});

test('vCards in and out', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await open(page, '/people');
  await page.getByRole('button', { name: 'Import vCards' }).click();
  await page
    .getByRole('dialog')
    .locator('input[type=file]')
    .setInputFiles({ name: 'phone.vcf', mimeType: 'text/vcard', buffer: Buffer.from(VCARDS) });
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('2 contacts were added.');
  await expect(dialog).toContainText('1 contact could not be read.');
  await dialog.getByText('Why').click();
  await expect(dialog).toContainText('phone.vcf line 14:');
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await expect(contacts(page)).toHaveCount(2);
  await expect(contacts(page).first()).toContainText('Udo Ärger');

  await page.getByRole('button', { name: 'More', exact: true }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'Export all' }).click();
  const file = await readFile(await (await download).path(), 'utf8');
  expect(file).toContain('VERSION:4.0');
  expect(file).toContain('X-OWN:kept');
  expect(file.match(/BEGIN:VCARD/g)).toHaveLength(2);
});

test('what another device changes is seen at once', async ({ me, signedIn }) => {
  await add(me, { uid: 'anna', name: { full: 'Anna' } });
  const page = await signedIn(me);
  await open(page, '/people');
  await contacts(page).filter({ hasText: 'Anna' }).click();
  await expect(card(page).getByRole('heading', { name: 'Anna' })).toBeVisible();
  const { ids } = await me.jmap.call<{ ids: string[] }>('ContactCard/query', {});
  await me.jmap.call('ContactCard/set', {
    update: { [ids[0] ?? '']: { name: { full: 'Anna Kaya' } } },
    create: { b: { name: { full: 'Bert' } } },
  });
  await expect(contacts(page)).toHaveCount(2);
  await expect(card(page).getByRole('heading', { name: 'Anna Kaya' })).toBeVisible();
  await me.jmap.call('ContactCard/set', { destroy: ids });
  await expect(contacts(page)).toHaveCount(1);
  await expect(page.getByText('This contact is not there any more')).toBeVisible();
});

test('two cards of one person become one, and two again', async ({ me, signedIn }) => {
  await add(
    me,
    { uid: 'a', name: { full: 'Anna Kaya' }, emails: { e: { address: 'anna@far.test' } } },
    { name: { full: 'Kaya Anna' }, phones: { p: { number: '+49 170 1' } } },
    { name: { full: 'Bert' } },
  );
  const page = await signedIn(me);
  await open(page, '/people');
  await expect(contacts(page)).toHaveCount(3);
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Merge duplicates' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Merge 1 set' }).click();
  await expect(contacts(page)).toHaveCount(2);
  await contacts(page).filter({ hasText: 'Anna' }).click();
  await expect(card(page)).toContainText('anna@far.test');
  await expect(card(page)).toContainText('+49 170 1');
  await page.getByRole('region', { name: 'Notices' }).getByRole('button', { name: 'Undo' }).click();
  await expect(contacts(page)).toHaveCount(3);
});
