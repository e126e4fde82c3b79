// Contacts as far as axe sees them: every view of theirs, in its states, at three widths and in both themes.
import type { Page } from '@playwright/test';

import { expect, type Person, rows, test } from '../support/fixtures';
import { check } from './check';

test.describe.configure({ timeout: 120_000 });

const at =
  (path: string, ...words: (string | RegExp)[]) =>
  async (page: Page) => {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
    for (const each of words) await expect(page.getByText(each).first()).toBeVisible();
  };

/** Somebody, two groups, and enough others for letters; resolves to their ids. */
async function fill(me: Person): Promise<(key: string) => string> {
  const { created } = await me.jmap.call<{ created: Record<string, { id: string }> }>(
    'ContactCard/set',
    {
      create: {
        anna: {
          uid: 'anna',
          name: { full: 'Anna Öz' },
          nicknames: { n: { name: 'Anni' } },
          organizations: { o: { name: 'Beispiel', units: [{ name: 'Sales' }] } },
          emails: {
            a: { address: 'anna@far.test', contexts: { work: true } },
            b: { address: 'club@far.test', label: 'Club' },
          },
          phones: { p: { number: '+49 170 1', features: { mobile: true } } },
          addresses: { a: { full: 'Road 1\nTown' } },
          anniversaries: { b: { kind: 'birth', date: { month: 2, day: 29 } } },
          links: { l: { uri: 'https://far.test' } },
          notes: { n: { note: 'Likes tea' } },
        },
        club: { kind: 'group', name: { full: 'Chess club' }, members: { anna: true } },
        nobody: { kind: 'group', name: { full: 'Nobody' } },
        ...Object.fromEntries(
          Array.from({ length: 40 }, (_, n) => [
            `c${n}`,
            { name: { full: `${String.fromCharCode(66 + (n % 20))}ert ${n}` } },
          ]),
        ),
      },
    },
  );
  return (key) => created[key]?.id ?? '';
}

test('the list of contacts', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await check(page, 'no contacts', at('/people', 'No contacts yet'));
  const id = await fill(me);
  await check(page, 'the list', async () => {
    await at('/people')(page);
    await expect(rows(page).first()).toBeVisible();
  });
  await check(page, 'nobody found', async () => {
    await at('/people')(page);
    await page.getByRole('searchbox', { name: 'Search contacts' }).fill('unfindable');
    await expect(page.getByText('Nobody is called that')).toBeVisible();
  });
  await check(page, 'menu of the list', async () => {
    await at('/people')(page);
    await expect(rows(page).first()).toBeVisible();
    await page.getByRole('button', { name: 'More', exact: true }).first().click();
    await expect(page.getByRole('menu')).toBeVisible();
  });
  await check(page, 'a group', at(`/people?group=${id('club')}`, 'Anna Öz'));
  await check(page, 'an empty group', at(`/people?group=${id('nobody')}`, /^Nobody is in this/));
});

test('cards', async ({ me, signedIn }) => {
  const id = await fill(me);
  const page = await signedIn(me);
  await check(page, 'a card', at(`/people/${id('anna')}`, 'Likes tea'));
  await check(page, 'a card that is gone', at('/people/Cnone', /not there any more/));
  await check(page, 'the card of a group', at(`/people/${id('club')}`, 'Write to this group'));
});

test('forms of contacts', async ({ me, signedIn }) => {
  const id = await fill(me);
  const page = await signedIn(me);
  await check(page, 'a form', at(`/people/${id('anna')}?edit=true`, 'Edit contact'));
  await check(page, 'a form, refused', async () => {
    await at('/people/new', 'More names')(page);
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('alert').filter({ hasText: 'A contact has' })).toBeVisible();
  });
  await check(page, 'a form of a group', at(`/people/${id('club')}?edit=true`, '1 member'));
  await check(page, 'import', async () => {
    await at('/people')(page);
    await expect(rows(page).first()).toBeVisible();
    await page.getByRole('button', { name: 'More', exact: true }).first().click();
    await page.getByRole('menuitem', { name: 'Import vCards' }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
  });
});
