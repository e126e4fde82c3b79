// Scenario 16: words, phrases, operators, letters that mean something elsewhere, long results.
import type { Page } from '@playwright/test';

import { expect, open, row, rows, test } from '../support/fixtures';

async function find(page: Page, words: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Search mail' }).fill(words);
  await page.getByRole('combobox', { name: 'Search mail' }).press('Enter');
  await expect(page).toHaveURL(/\/search\?q=/);
}

test('words are found in subject and text, phrases as they stand, and what is excluded is not', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Quarterly figures', text: 'All is well with the apples' });
  await mail(me, { subject: 'Orchard', text: 'The figures are about apples and pears' });
  await mail(me, { subject: 'Pears', text: 'apples with well the is' });
  const page = await signedIn(me);
  await open(page);
  const expectFound = async (words: string, subjects: string[]) => {
    await find(page, words);
    await expect(rows(page)).toHaveCount(subjects.length);
    for (const each of subjects) await expect(row(page, each).first()).toBeVisible();
  };
  await expectFound('figures', ['Quarterly', 'Orchard']);
  await expect(page.locator('mark').first()).toHaveText(/figures/i);
  await expectFound('"well with the apples"', ['Quarterly']);
  await expectFound('apples -pears', ['Quarterly']);
  await expectFound('subject:orchard', ['Orchard']);
  await expectFound('from:clara is:unread', ['Quarterly', 'Orchard', 'Pears']);
  await expect(page.getByText('from:clara').first()).toBeVisible();
});

for (const words of [
  '(.*[',
  'a&b=c',
  '1+1',
  '#hash',
  '100%',
  '\\d{3}',
  '"open',
  '-',
  'from:',
  '{',
]) {
  test(`"${words}" breaks nothing`, async ({ me, mail, signedIn }) => {
    await mail(me, { subject: `Odd ${words} letters`, text: `some ${words} text` });
    const page = await signedIn(me);
    await open(page);
    await find(page, words);
    await expect(page.getByRole('combobox', { name: 'Search mail' })).toHaveValue(words.trim());
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.getByText('This page broke')).toHaveCount(0);
    await page.reload();
    await expect(page.getByRole('combobox', { name: 'Search mail' })).toHaveValue(words.trim());
  });
}

test('results reach into Sent; into the trash only when it is named', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Needle in the inbox' });
  await mail(me, { subject: 'Needle in the trash' });
  const page = await signedIn(me);
  await open(page);
  await row(page, 'Needle in the trash').hover();
  await row(page, 'Needle in the trash').getByRole('button', { name: 'Delete' }).click();
  await expect(rows(page)).toHaveCount(1);
  const sent = await me.jmap.mailbox('sent');
  await me.jmap.call('Email/set', {
    create: {
      s: {
        mailboxIds: { [sent]: true },
        keywords: { $seen: true },
        subject: 'Needle that was sent',
        from: [{ email: me.address }],
        to: [{ email: 'x@far.test' }],
        bodyValues: { t: { value: 'words' } },
        textBody: [{ partId: 't', type: 'text/plain' }],
      },
    },
  });
  await find(page, 'needle');
  await expect(rows(page)).toHaveCount(2);
  await expect(row(page, 'Needle that was sent')).toContainText('Sent');
  await find(page, 'needle in:trash');
  await expect(rows(page)).toHaveCount(1);
  await expect(row(page, 'Needle in the trash')).toBeVisible();
  await find(page, 'needle in:anywhere');
  await expect(rows(page)).toHaveCount(3);
});

test('a result of more than a page is whole, opens, and Back leads to it again', async ({
  me,
  signedIn,
}) => {
  const inbox = await me.jmap.mailbox('inbox');
  const create = Object.fromEntries(
    Array.from({ length: 60 }, (_, n) => [
      `e${n}`,
      {
        mailboxIds: { [inbox]: true },
        subject: `Haystack ${n}`,
        from: [{ name: 'Farmer', email: 'farmer@far.test' }],
        bodyValues: { t: { value: `straw number ${n}` } },
        textBody: [{ partId: 't', type: 'text/plain' }],
      },
    ]),
  );
  await me.jmap.call('Email/set', { create });
  const page = await signedIn(me);
  await open(page);
  await find(page, 'haystack');
  await expect(page).toHaveURL(/\/search\?q=haystack/); // the inbox has as many
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', '60');
  await rows(page).first().click();
  await expect(page).toHaveURL(/\/search\/[^?]+\?q=haystack/);
  await page.goBack();
  await expect(page).toHaveURL(/\/search\?q=haystack/);
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Inbox', level: 1 })).toBeVisible();
});

test('operators and folders are suggested; keys choose them', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await open(page);
  await page.keyboard.press('/');
  const field = page.getByRole('combobox', { name: 'Search mail' });
  await expect(field).toBeFocused();
  await field.pressSequentially('has');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(field).toHaveValue('has:attachment ');
  await field.pressSequentially('in:tr');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Tab');
  await expect(field).toHaveValue('has:attachment in:trash ');
});
