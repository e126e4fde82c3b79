// Scenario 1: register, sign in, reload, sign out; what is refused and how it is said.
import type { Page } from '@playwright/test';

import { expect, test } from '../support/fixtures';
import { PASSWORD, Server } from '../support/server';

test.describe('signing in', () => {
  test('leads to the inbox, holds over a reload, and ends with signing out', async ({
    page,
    me,
  }) => {
    await page.goto('/');
    await expect(page).toHaveURL(/\/sign-in/);
    await page.getByLabel('Address').fill(me.login);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Inbox', level: 1 })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Inbox', level: 1 })).toBeVisible();
    await page.getByRole('button', { name: `Account: ${me.address}` }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await expect(page).toHaveURL(/\/sign-in/);
    await page.goto('/mail/inbox');
    await expect(page).toHaveURL(/\/sign-in/);
  });

  test('with a wrong password says so and keeps the address', async ({ page, me }) => {
    await page.goto('/sign-in');
    await page.getByLabel('Address').fill(me.address);
    await page.getByLabel('Password', { exact: true }).fill('not it at all');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByText('The address or the password is wrong.')).toBeVisible();
    await expect(page.getByLabel('Address')).toHaveValue(me.address);
  });

  test('with empty fields asks for them', async ({ page }) => {
    await page.goto('/sign-in');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByText('This is needed.')).toHaveCount(2);
  });

  test('goes on to the page that was asked for', async ({ page, me }) => {
    await page.goto('/mail/sent');
    await expect(page).toHaveURL(/next=%2Fmail%2Fsent/);
    await page.getByLabel('Address').fill(me.login);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Sent', level: 1 })).toBeVisible();
  });

  for (const next of [
    '//elsewhere.test/',
    'https://elsewhere.test/',
    '/\\elsewhere.test',
    'javascript:alert(1)',
  ]) {
    test(`never leads to another site: ${next}`, async ({ page, me, baseURL }) => {
      await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
      await page.getByLabel('Address').fill(me.login);
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page).toHaveURL(`${baseURL}/mail/inbox`);
    });
  }

  test('is not possible for somebody who is signed out elsewhere', async ({ signedIn, me }) => {
    const [one, two] = [await signedIn(me), await signedIn(me)];
    await one.goto('/mail/inbox');
    await expect(one.getByRole('heading', { name: 'Inbox' })).toBeVisible();
    await two.goto('/settings/sessions');
    await two.getByRole('button', { name: 'Sign out everywhere else' }).click();
    await two.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere else' }).click();
    await expect(one).toHaveURL(/\/sign-in/, { timeout: 20_000 });
  });
});

test.describe('registering', () => {
  let server: Server;
  test.describe.configure({ mode: 'serial' });
  test.beforeAll(async () => {
    server = await Server.start('registration', { arguments: ['--registration', 'open'] });
  });
  test.afterAll(() => server.stop());

  const fill = async (page: Page, login: string, password: string) => {
    await page.goto(`${server.url}/register`);
    await page.getByLabel('Your name').fill('Nora Neu');
    await page.getByLabel('Address').fill(login);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Make an account' }).click();
  };

  test('makes an account and leads into it', async ({ page }) => {
    await fill(page, 'nora', 'a long enough password');
    await expect(page.getByRole('heading', { name: 'Inbox', level: 1 })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Account: nora@local.test' })).toBeVisible();
  });

  test('says that an address is taken', async ({ page }) => {
    await fill(page, 'person0', 'a long enough password');
    await expect(page.getByText('That address is taken.')).toBeVisible();
  });

  test('says that a password is too short', async ({ page }) => {
    await fill(page, 'somebody', 'short');
    await expect(page.getByRole('alert').getByText(/At least \d+ characters/)).toBeVisible();
    await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute(
      'aria-invalid',
      'true',
    );
  });

  test('refuses what cannot be an address', async ({ page }) => {
    await fill(page, 'no body@@', 'a long enough password');
    await expect(page.getByLabel('Address')).toHaveAttribute('aria-invalid', 'true');
    await expect(page).toHaveURL(/register/);
  });

  test('needs every field', async ({ page }) => {
    await page.goto(`${server.url}/register`);
    await page.getByRole('button', { name: 'Make an account' }).click();
    await expect(page.getByText('This is needed.')).toHaveCount(2);
  });
});
