// What administrators do, and what comes of it for others.
import { Resolver } from 'node:dns/promises';

import type { Page } from '@playwright/test';

import { expect, type Person, test } from '../support/fixtures';
import { deliver, SmtpRefusal } from '../support/smtp';
import { message } from '../support/message';
import { imapLogin } from '../support/imap';
import { Server } from '../support/server';

const dialog = (page: Page) => page.getByRole('dialog').last();
const entry = (page: Page, words: string) => page.getByRole('listitem').filter({ hasText: words });

test('nobody else sees the administration', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  await page.goto('/admin/domains');
  await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
});

test('a domain is added with its DNS records, gets an account and addresses, and mail', async ({
  boss,
  server,
  signedIn,
}) => {
  const page = await signedIn(boss);
  const to = (address: string) =>
    deliver(server.smtp, {
      from: 'clara@elsewhere.test',
      to: [address],
      message: message({ to: address, subject: `To ${address}` }),
    });
  await page.goto('/admin/domains');
  await page.getByRole('button', { name: 'Add a domain' }).click();
  await dialog(page).getByLabel('Domain', { exact: true }).fill('second.test');
  await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('button', { name: 'DNS records: second.test' }).click();
  for (const words of ['MX', 'v=spf1', 'v=DKIM1', 'v=DMARC1']) {
    await expect(dialog(page).getByText(words).first()).toBeVisible();
  }
  await page.keyboard.press('Escape');

  await page.goto('/admin/accounts');
  await page.getByRole('button', { name: 'New account' }).click();
  await dialog(page).getByLabel('Address', { exact: true }).fill('wanda@second.test');
  await dialog(page).getByLabel('Name', { exact: true }).fill('Wanda');
  await dialog(page).getByLabel('Password', { exact: true }).fill('the first password');
  await dialog(page).getByRole('button', { name: 'Make the account' }).click();
  await expect(page.getByText('wanda@second.test is made')).toBeVisible();
  expect(await imapLogin(server.imaps, 'wanda@second.test', 'the first password')).toBe('OK');

  await page.goto('/admin/aliases');
  await page.getByRole('button', { name: 'New address' }).click();
  await dialog(page).getByLabel('Address', { exact: true }).fill('info@second.test');
  await dialog(page).getByLabel('Account', { exact: true }).fill('wanda@second.test');
  await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
  await expect(entry(page, 'info@second.test')).toBeVisible();
  await to('info@second.test');
  await page.getByRole('button', { name: 'Remove: info@second.test' }).click();
  await dialog(page).getByRole('button', { name: 'Remove' }).click();
  await expect(entry(page, 'info@second.test')).toHaveCount(0);
  await expect(to('info@second.test')).rejects.toThrow(SmtpRefusal);

  await page.goto('/admin/accounts');
  const edit = page.getByRole('button', { name: 'Edit: wanda@second.test' });
  await page.getByLabel('Find').fill('wanda');
  await edit.click();
  await dialog(page).getByRole('tab', { name: 'Access' }).click();
  await dialog(page).getByLabel('New password', { exact: true }).fill('the second password');
  await dialog(page).getByRole('button', { name: 'Set the password' }).click();
  await expect(page.getByText('The password is set')).toBeVisible();
  expect(await imapLogin(server.imaps, 'wanda@second.test', 'the first password')).toBe('NO');
  expect(await imapLogin(server.imaps, 'wanda@second.test', 'the second password')).toBe('OK');
  await dialog(page).getByRole('tab', { name: 'Account and limits' }).click();
  await dialog(page).getByRole('switch', { name: 'Enabled' }).click();
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await expect(entry(page, 'wanda@second.test').getByText('Disabled')).toBeVisible();
  expect(await imapLogin(server.imaps, 'wanda@second.test', 'the second password')).toBe('NO');
  await edit.click();
  await dialog(page).getByRole('tab', { name: 'Access' }).click();
  await dialog(page).getByRole('button', { name: 'Remove the account' }).click();
  await dialog(page)
    .getByLabel(/Type the address/)
    .fill('wanda@second.test');
  await dialog(page).getByRole('button', { name: 'Remove the account' }).click();
  await expect(entry(page, 'wanda@second.test')).toHaveCount(0);
});

test('what waits in the queue is held, tried at once, looked at and dropped', async ({
  boss,
  me,
  signedIn,
  sink,
}) => {
  const to = ['held', 'dropped'].map((each) => `${each}-${me.login}@elsewhere.test`);
  for (const each of to) sink.refusals.set(each, '451 4.3.2 Come back later');
  await submit(me, to);
  const page = await signedIn(boss);
  await page.goto('/admin/queue');
  const items = page.getByRole('listitem').filter({ hasText: me.address });
  await expect(items.filter({ hasText: '4.3.2 Come back later' }).first()).toBeVisible();
  const before = await items.count();
  await items.first().getByRole('button', { name: 'Hold' }).click();
  await expect(items.first().getByText('Held')).toBeVisible();
  await items
    .first()
    .getByRole('button', { name: /elsewhere\.test/ })
    .click();
  await expect(dialog(page)).toContainText('451 4.3.2 Come back later');
  await page.keyboard.press('Escape');
  for (const each of to) sink.refusals.delete(each);
  await items.first().getByRole('button', { name: 'Try now' }).click();
  await expect
    .poll(() => sink.received.some((each) => each.to.some((one) => to.includes(one))))
    .toBe(true);
  if (before > 1) {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await items.first().getByRole('button', { name: 'Drop' }).click();
    await dialog(page).getByRole('button', { name: 'Drop' }).click();
  }
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(items).toHaveCount(0);
});

/** Sends to these people without a browser. */
async function submit(from: Person, to: string[]): Promise<void> {
  const drafts = await from.jmap.mailbox('drafts');
  const { list } = await from.jmap.call<{ list: { id: string }[] }>('Identity/get', { ids: null });
  for (const each of to) {
    const { created } = await from.jmap.call<{ created: Record<string, { id: string }> }>(
      'Email/set',
      {
        create: {
          a: {
            mailboxIds: { [drafts]: true },
            from: [{ name: null, email: from.address }],
            to: [{ name: null, email: each }],
            subject: `For ${each}`,
            bodyValues: { t: { value: 'words' } },
            textBody: [{ partId: 't', type: 'text/plain' }],
          },
        },
      },
    );
    await from.jmap.call('EmailSubmission/set', {
      create: { s: { emailId: created['a']?.id, identityId: list[0]?.id } },
    });
  }
}

test('with an invite somebody makes an account; without one nobody does', async ({ page }) => {
  const server = await Server.start('invites', {
    arguments: ['--registration', 'invite', '--admin', 'person0@local.test'],
  });
  try {
    await page.goto(`${server.url}/sign-in?next=%2Fadmin%2Finvites`);
    await page.getByLabel('Address').fill('person0');
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'New invite' }).click();
    await dialog(page).getByLabel('For whom').fill('Ida');
    await dialog(page).getByRole('button', { name: 'Make the link' }).click();
    const link = await dialog(page).locator('code').innerText();
    await dialog(page).getByRole('button', { name: 'Done' }).click();
    await page.context().clearCookies();
    for (const [address, login] of [
      [`${server.url}/register?invitation=invented`, 'ida'],
      [link, 'ida'],
      [link, 'otto'],
    ] as const) {
      await page.goto(address);
      await page.getByLabel('Your name').fill('Ida');
      await page.getByLabel('Address').fill(login);
      await page.getByLabel('Password', { exact: true }).fill('a long enough password');
      await page.getByRole('button', { name: 'Make an account' }).click();
      if (address !== link || login !== 'ida') {
        await expect(page.getByText('This invite does not hold any more.')).toBeVisible();
        continue;
      }
      await expect(page.getByRole('button', { name: 'Account: ida@local.test' })).toBeVisible();
      await page.context().clearCookies();
    }
  } finally {
    await server.stop();
  }
});

test('where accounts are made by administrators only, one is told so', async ({ page }) => {
  const server = await Server.start('closed');
  try {
    await page.goto(`${server.url}/sign-in`);
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
    await expect(page.getByRole('link', { name: 'Make an account' })).toHaveCount(0);
    await page.goto(`${server.url}/register`);
    await expect(page.getByText('Accounts are made by the administrators here.')).toBeVisible();
  } finally {
    await server.stop();
  }
});

test('a record is added to a zone, and our name server says it at once', async ({
  boss,
  server,
  signedIn,
}) => {
  const resolver = new Resolver();
  resolver.setServers([`${server.dns.host}:${server.dns.port}`]);
  const page = await signedIn(boss);
  await page.goto('/admin/zones');
  const zone = server.domain;
  await page.getByRole('button', { name: zone, exact: true }).click();
  await expect(entry(page, 'v=spf1').first()).toBeVisible();
  await dialog(page).getByRole('button', { name: 'Add a record' }).click();
  await dialog(page).getByLabel('Name', { exact: true }).fill('journey');
  await dialog(page).getByLabel('Value', { exact: true }).fill('no address');
  await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog(page).getByText(/No A record/)).toBeVisible();
  await dialog(page).getByLabel('Value', { exact: true }).fill('192.0.2.77');
  await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
  await expect(entry(page, `journey.${zone}`)).toBeVisible();
  expect(await resolver.resolve4(`journey.${zone}`)).toEqual(['192.0.2.77']);

  await page.getByRole('tab', { name: 'Signing' }).click();
  await page.getByRole('switch', { name: 'Sign this zone (DNSSEC)' }).click();
  await expect(page.getByText(/13 2 [0-9a-f]{64}/)).toBeVisible();
  await page.getByRole('tab', { name: 'History' }).click();
  await expect(entry(page, `journey.${zone}`).first()).toBeVisible();

  await page.getByRole('tab', { name: 'Records' }).click();
  await page.getByRole('button', { name: `Remove: journey.${zone} A 192.0.2.77` }).click();
  await expect(entry(page, `journey.${zone}`)).toHaveCount(0);
  await expect(resolver.resolve4(`journey.${zone}`)).rejects.toThrow('ENOTFOUND');
});
