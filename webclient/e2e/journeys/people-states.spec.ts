// Contacts when there are very many, when they cannot be read, and on a phone.
import type { Page } from '@playwright/test';

import { expect, open, type Person, rows, test } from '../support/fixtures';

const contacts = (page: Page) => rows(page);

const add = (person: Person, ...cards: Record<string, unknown>[]) =>
  person.jmap.call('ContactCard/set', {
    create: Object.fromEntries(cards.map((each, at) => [`c${at}`, each])),
  });

test('10,000 contacts: few rows, letters, search, no room for more', async ({ me, signedIn }) => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  for (let from = 0; from < 10_000; from += 500) {
    const cards = Array.from({ length: 500 }, (_, at) => {
      const n = from + at;
      return {
        name: { full: `${letters[n % 26] ?? ''}name ${n}` },
        emails: { e: { address: `p${n}@elsewhere.test` } },
      };
    });
    await add(me, ...cards);
  }
  const page = await signedIn(me);
  await open(page, '/people');
  await expect(page.getByText('10,000').first()).toBeVisible({ timeout: 30_000 });
  expect(await contacts(page).count()).toBeLessThan(40);
  await page.getByRole('button', { name: 'Go to Z' }).click();
  await expect(contacts(page).filter({ hasText: 'Zname' }).first()).toBeVisible();
  await page.getByRole('searchbox', { name: 'Search contacts' }).fill('p9999@');
  await expect(contacts(page)).toHaveCount(1);
  await page.getByRole('button', { name: 'New contact' }).click();
  await page.getByLabel('First name').fill('One more');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('There is no space left')).toBeVisible();
});

test('where they cannot be read, one is told and tries again', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await page.route('**/jmap/api', async (route) => {
    if (route.request().postData()?.includes('ContactCard')) await route.fulfill({ status: 500 });
    else await route.continue();
  });
  await open(page, '/people');
  await expect(page.getByText('That did not work')).toBeVisible({ timeout: 20_000 });
  await page.unroute('**/jmap/api');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('No contacts yet')).toBeVisible();
});

test('on a phone a card takes the place of the list', async ({ me, signedIn }) => {
  await add(me, { name: { full: 'Anna' } });
  const page = await signedIn(me, {
    viewport: { width: 360, height: 740 },
    hasTouch: true,
    isMobile: true,
  });
  await open(page);
  await page.getByRole('button', { name: /^Account/ }).click();
  await page.getByRole('menuitem', { name: 'Contacts' }).click();
  await contacts(page).filter({ hasText: 'Anna' }).click();
  await expect(page.getByRole('heading', { name: 'Anna', level: 1 })).toBeVisible();
  await expect(page.getByRole('grid')).toHaveCount(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await page.getByRole('button', { name: 'Back' }).click();
  await expect(contacts(page)).toHaveCount(1);
});
