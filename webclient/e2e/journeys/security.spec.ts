// Passwords, second factors, passkeys and what mail programs may: made in the browser, tried elsewhere.
import type { Page } from '@playwright/test';

import { expect, open, type Person, test } from '../support/fixtures';
import { imapLogin } from '../support/imap';
import { PASSWORD, type Server } from '../support/server';
import { totp } from '../support/totp';

const NEW_PASSWORD = 'another horse battery';

async function signInByHand(page: Page, person: Person, password = PASSWORD): Promise<void> {
  await page.goto('/sign-in');
  await page.getByLabel('Address').fill(person.address);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const inbox = (page: Page) => page.getByRole('heading', { name: 'Inbox', level: 1 });

/** Gives one's password to the dialog that asks for it. */
async function prove(page: Page, button: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your password', { exact: true }).fill(PASSWORD);
  await dialog.getByRole('button', { name: button, exact: true }).click();
}

test('a new password takes the old one’s place, here and in mail programs', async ({
  me,
  page,
  server,
  signedIn,
}) => {
  const other = await signedIn(me);
  await open(other);
  const own = await signedIn(me);
  await own.goto('/settings/security');
  const fill = async (old: string, again: string) => {
    await own.getByLabel('Your password', { exact: true }).fill(old);
    await own.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD);
    await own.getByLabel('New password again', { exact: true }).fill(again);
    await own.getByRole('button', { name: 'Change the password' }).click();
  };
  await fill(PASSWORD, 'mistyped');
  await expect(own.getByText('The two are not the same.')).toBeVisible();
  await fill('not mine', NEW_PASSWORD);
  await expect(own.getByLabel('Your password', { exact: true })).toHaveAttribute(
    'aria-invalid',
    'true',
  );
  await fill(PASSWORD, NEW_PASSWORD);
  await expect(own.getByText('The password is changed. 1 other session ended.')).toBeVisible();
  await expect(other).toHaveURL(/sign-in/);
  await own.reload();
  await expect(own.getByRole('heading', { name: 'Password and sign-in' })).toBeVisible();
  await signInByHand(page, me);
  await expect(page.getByText('The address or the password is wrong.')).toBeVisible();
  await signInByHand(page, me, NEW_PASSWORD);
  await expect(inbox(page)).toBeVisible();
  expect(await imapLogin(server.imaps, me.address, PASSWORD)).toBe('NO');
  expect(await imapLogin(server.imaps, me.address, NEW_PASSWORD)).toBe('OK');
});

test('one session of several is ended, and the history says who signed in', async ({
  me,
  signedIn,
}) => {
  const [one, other] = [await signedIn(me), await signedIn(me, { userAgent: 'Elsewhere/1' })];
  await open(other);
  await one.goto('/settings/sessions');
  const sessions = one.getByRole('list', { name: 'Signed in' }).getByRole('listitem');
  await expect(sessions).toHaveCount(2);
  await expect(sessions.filter({ hasText: 'This one' })).toHaveCount(1);
  await sessions
    .filter({ hasNotText: 'This one' })
    .getByRole('button', { name: /Sign out/ })
    .click();
  await expect(sessions).toHaveCount(1);
  await expect(other).toHaveURL(/sign-in/);
  await expect(one.getByText(/Signed in ·/).first()).toBeVisible();
});

test('an app password made in the browser opens IMAP until it is revoked', async ({
  me,
  server,
  signedIn,
}) => {
  const page = await signedIn(me);
  await page.goto('/settings/app-passwords');
  await page.getByRole('button', { name: 'New app password' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What it is for').fill('Old laptop');
  await dialog.getByLabel('Your password', { exact: true }).fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Make it' }).click();
  const secret = await dialog.locator('code').last().innerText();
  await dialog.getByRole('button', { name: 'Done' }).click();
  expect(await imapLogin(server.imaps, me.address, secret)).toBe('OK');
  const line = page.getByRole('listitem').filter({ hasText: 'Old laptop' });
  await expect(line).toBeVisible();
  await line.getByRole('button', { name: /Old laptop/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByText('No app passwords yet')).toBeVisible();
  expect(await imapLogin(server.imaps, me.address, secret)).toBe('NO');
});

async function turnTotpOn(page: Page): Promise<{ secret: string; recovery: string }> {
  await page.goto('/settings/security');
  await page.getByRole('button', { name: 'Turn on' }).click();
  await prove(page, 'Continue');
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('img', { name: 'QR code of the key' })).toBeVisible();
  const secret = await dialog.locator('code').innerText();
  await dialog.getByLabel('Code', { exact: true }).fill('000000');
  await dialog.getByRole('button', { name: 'Turn on' }).click();
  await expect(dialog.getByText('That code is wrong.')).toBeVisible();
  await dialog.getByLabel('Code', { exact: true }).fill(totp(secret));
  await dialog.getByRole('button', { name: 'Turn on' }).click();
  const codes = page.getByRole('dialog', { name: 'Your recovery codes' });
  const recovery = await codes.getByRole('listitem').first().innerText();
  await codes.getByRole('button', { name: 'Done' }).click();
  return { secret, recovery };
}

test('with an authenticator app, signing in asks for its code or a recovery code', async ({
  me,
  page,
  server,
  signedIn,
}) => {
  const { secret, recovery } = await turnTotpOn(await signedIn(me));
  await signInByHand(page, me);
  await expect(page.getByRole('heading', { name: 'One more step' })).toBeVisible();
  await page.getByLabel('Code', { exact: true }).fill('123456');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByText(/That code is wrong/)).toBeVisible();
  await page.getByLabel('Code', { exact: true }).fill(totp(secret, 1));
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(inbox(page)).toBeVisible();
  // Mail programs know no second factor: the password alone does not open them.
  expect(await imapLogin(server.imaps, me.address, PASSWORD)).toBe('NO');
  await page.context().clearCookies();
  for (const result of ['in', 'used up']) {
    await signInByHand(page, me);
    await page.getByLabel('Code', { exact: true }).fill(recovery);
    await page.getByRole('button', { name: 'Continue' }).click();
    if (result === 'in') {
      await expect(inbox(page)).toBeVisible();
      await page.context().clearCookies();
    } else await expect(page.getByText(/That code is wrong/)).toBeVisible();
  }
});

/** The same server by a name: browsers allow passkeys on `localhost`, not on a bare address. */
const byName = (server: Server) => server.url.replace('127.0.0.1', 'localhost');

test('a passkey is made, and is enough to sign in', async ({ browser, me, server }) => {
  const context = await browser.newContext({ baseURL: byName(server) });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await signInByHand(page, me);
  await expect(inbox(page)).toBeVisible();
  await page.goto('/settings/security');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await prove(page, 'Add a passkey');
  const codes = page.getByRole('dialog', { name: 'Your recovery codes' });
  await codes.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByRole('list', { name: 'Passkeys' }).getByText(/Made/)).toBeVisible();
  await context.clearCookies();
  await page.goto('/sign-in');
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await expect(inbox(page)).toBeVisible();
  // With the password, it is the second factor.
  await context.clearCookies();
  await signInByHand(page, me);
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await expect(inbox(page)).toBeVisible();
  await context.close();
});
