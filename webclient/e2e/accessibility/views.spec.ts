// Every view, with its dialogs and menus open and in its other states: WCAG 2.2 AA as far as axe sees it.
import type { Page } from '@playwright/test';

import {
  BOSS,
  composer,
  expect,
  open,
  type Person,
  read,
  row,
  rows,
  test,
} from '../support/fixtures';
import { check } from './check';

test.describe.configure({ timeout: 120_000 });

/** Goes to an address, or stays where one is. */
const at = (path: string) => async (page: Page) => {
  if (!page.url().endsWith(path)) await page.goto(path);
  await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
};

/** Something that opens above the page, and is closed again before the next width. */
const above =
  (path: string, how: (page: Page) => Promise<void>) =>
  async (page: Page): Promise<void> => {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
    await how(page);
  };
const press =
  (name: string | RegExp, nth = 0) =>
  (page: Page) =>
    page
      .getByRole('button', { name, exact: typeof name === 'string' })
      .nth(nth)
      .click();
const keys =
  (...all: string[]) =>
  async (page: Page) => {
    for (const key of all) await page.keyboard.press(key);
    await expect(page.getByRole('dialog').or(page.getByRole('menu')).first()).toBeVisible();
  };
const dialog = (name: string | RegExp) => async (page: Page) => {
  await press(name)(page);
  await expect(page.getByRole('dialog').first()).toBeVisible();
};

test('doors: signing in, making an account, nothing there', async ({ page }) => {
  await check(page, 'signing in', at('/sign-in'));
  await check(page, 'signing in, refused', above('/sign-in', press('Sign in')));
  await check(page, 'registering', at('/register'));
  await check(page, 'registering, refused', above('/register', press('Make an account')));
});

test.describe('mail', () => {
  const HTML =
    '<h2>News</h2><p style="color:#777">Pale words</p><img src="http://far.test/x.png"><a href="http://far.test/">there</a>';
  const fill = async (mail: (to: Person, parts: object) => Promise<number>, me: Person) => {
    const id = '<first@far.test>';
    await mail(me, { subject: 'The garden', messageId: id, text: 'Shall we dig?\n\n> Or not?' });
    await mail(me, {
      subject: 'Re: The garden',
      inReplyTo: id,
      references: [id],
      html: HTML,
      headers: ['List-Unsubscribe: <https://far.test/leave>'],
      attachments: [
        { name: 'plan.txt', type: 'text/plain', content: 'A plan' },
        { name: 'dot.png', type: 'image/png', content: Buffer.from(PNG, 'base64') },
      ],
    });
    await mail(me, { subject: 'Something else', from: 'Dora <dora@far.test>' });
  };

  test('lists', async ({ me, mail, signedIn }) => {
    const page = await signedIn(me);
    await check(page, 'an empty folder', at('/mail/inbox'));
    await fill(mail, me);
    await check(page, 'the inbox', async () => {
      await at('/mail/inbox')(page);
      await expect(rows(page)).toHaveCount(2);
    });
    await check(page, 'a selection', async () => {
      await page.keyboard.press('*');
      await page.keyboard.press('a');
      await expect(page.getByText('2 selected')).toBeVisible();
    });
    await check(page, 'drafts', at('/mail/drafts'));
    await check(page, 'search, found', at('/search?q=garden'));
    await check(page, 'search, nothing found', at('/search?q=unfindable'));
    await check(page, 'an address that leads nowhere', at('/nowhere'));
  });

  test('menus and dialogs of lists', async ({ me, mail, signedIn }) => {
    await fill(mail, me);
    const page = await signedIn(me);
    const list = async () => {
      await open(page);
      await expect(rows(page)).toHaveCount(2);
    };
    const onList =
      (...pressed: string[]) =>
      async () => {
        await list();
        await keys(...pressed)(page);
      };
    await check(page, 'menu of a row', async () => {
      await list();
      await row(page, 'The garden').click({ button: 'right' });
      await expect(page.getByRole('menu')).toBeVisible();
    });
    await check(page, 'moving', onList('v'));
    await check(page, 'labels', onList('l'));
    await check(page, 'snooze', onList('b'));
    await check(page, 'help', onList('?'));
    await check(page, 'commands', onList('Control+k'));
    await check(page, 'menu of the account', async () => {
      await list();
      await press(/^Account:/)(page);
      await expect(page.getByRole('menu')).toBeVisible();
    });
    await check(page, 'suggestions of the search', async () => {
      await list();
      await page.keyboard.press('/');
      await page.keyboard.type('ha');
      await expect(page.getByRole('option').first()).toBeVisible();
    });
    await check(page, 'folders', async (_, width) => {
      await list();
      if (width < 1000) await press('Show folders')(page);
      await expect(page.getByRole('navigation', { name: 'Folders' })).toBeVisible();
    });
  });

  test('reading', async ({ me, mail, signedIn }) => {
    await fill(mail, me);
    const page = await signedIn(me);
    const thread = page.getByRole('region', { name: 'Conversation' });
    await open(page);
    await row(page, 'The garden').click();
    await expect(thread.getByRole('article')).toHaveCount(2);
    const path = new URL(page.url()).pathname;
    const reading = async () => {
      await page.goto(path);
      await expect(thread.getByText(/1 image from elsewhere/)).toBeVisible();
    };
    await check(page, 'a conversation', reading);
    await check(page, 'all unfolded, with details', async (_, width) => {
      await reading();
      await page.keyboard.press(';');
      if (width === 360) {
        await thread.getByRole('article').last().getByRole('button', { name: 'More' }).click();
        await page.getByRole('menuitem', { name: 'Details' }).click();
      } else await thread.getByRole('button', { name: 'Details' }).last().click();
      await expect(thread.getByText('Received')).toBeVisible();
    });
    await check(page, 'menu of a message', async () => {
      await reading();
      await thread.getByRole('article').last().getByRole('button', { name: 'More' }).click();
      await expect(page.getByRole('menu')).toBeVisible();
    });
    await check(page, 'source', async () => {
      await reading();
      await thread.getByRole('article').last().getByRole('button', { name: 'More' }).click();
      await page.getByRole('menuitem', { name: 'Show the source' }).click();
      await expect(page.getByRole('dialog')).toContainText('Message-ID');
    });
    await check(page, 'preview', async () => {
      await reading();
      await thread.getByRole('button', { name: 'Preview plan.txt' }).click();
      await expect(page.getByRole('dialog')).toContainText('A plan');
    });
  });

  test('waiting, failing, offline', async ({ me, mail, signedIn }) => {
    await fill(mail, me);
    const page = await signedIn(me);
    await open(page);
    await expect(rows(page)).toHaveCount(2);
    await page.route('**/jmap/api', async (route) => {
      const asked = route.request().postData() ?? '';
      if (asked.includes('Email/query'))
        await route.fulfill({ status: 500, json: { status: 500 } });
      else await route.continue();
    });
    await check(page, 'a list that failed', async () => {
      await page.goto('/search?q=fails');
      await expect(page.getByText('That did not work').first()).toBeVisible({ timeout: 20_000 });
    });
    await page.unrouteAll();
    await page.route('**/jmap/api', async (route) => {
      const asked = route.request().postData() ?? '';
      if (!asked.includes('Email/query')) await route.continue();
    });
    await check(page, 'a list that loads', async () => {
      await page.goto('/search?q=waits');
      await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
    });
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await open(page);
    await page.context().setOffline(true);
    await check(page, 'offline', async () => {
      await expect(page.getByText('You are offline')).toBeVisible();
    });
  });
});

test('writing', async ({ me, mail, newPerson, signedIn }) => {
  const other = newPerson();
  await mail([me, other], { subject: 'To answer', text: 'Well?' });
  const page = await signedIn(me);
  /** The list again: what was begun at the last width would come back after a reload. */
  const list = async () => {
    if (page.url() !== 'about:blank') {
      const later = page.getByLabel('Date and time');
      if (await later.isVisible()) await later.press('Escape');
      await expect(later).toHaveCount(0);
      const box = composer(page);
      if (await box.isVisible())
        await box.getByRole('button', { name: 'Discard the draft' }).click();
      await expect(box).toHaveCount(0);
    }
    await open(page);
  };
  const fresh = async () => {
    await list();
    await page.keyboard.press('c');
    await expect(composer(page).getByRole('combobox', { name: 'To' })).toBeFocused();
  };
  await check(page, 'a new message', fresh);
  await check(page, 'with every field and a chip', async () => {
    await fresh();
    const box = composer(page);
    await box.getByRole('combobox', { name: 'To' }).fill('dora@far.test, no address,');
    await box.getByRole('combobox', { name: 'To' }).press('Enter');
    await box.getByRole('button', { name: 'Cc', exact: true }).click();
    await box.getByRole('button', { name: 'Formatting' }).click();
  });
  await check(page, 'suggestions', async () => {
    await fresh();
    await composer(page).getByRole('combobox', { name: 'To' }).fill('clara');
    await expect(page.getByRole('option').first()).toBeVisible();
  });
  await check(page, 'refused', async () => {
    await fresh();
    await composer(page).getByRole('button', { name: 'Send', exact: true }).click();
    await expect(composer(page).getByRole('alert').first()).not.toBeEmpty();
  });
  await check(page, 'send later', async () => {
    await fresh();
    await composer(page).getByRole('button', { name: 'Send later' }).click();
    await page.getByRole('menuitem', { name: /Pick a date/ }).click();
    await expect(page.getByLabel('Date and time')).toBeVisible();
  });
  await check(page, 'an answer, with a file', async () => {
    await list();
    await read(page, 'To answer');
    await page.keyboard.press('a');
    const box = composer(page);
    await box
      .locator('input[type=file]')
      .first()
      .setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('words') });
    await expect(box.getByRole('button', { name: 'Remove a.txt' })).toBeVisible();
    await box.getByRole('button', { name: 'Show the quoted text' }).click();
  });
});

const SETTINGS =
  'account appearance notifications keys reading writing identities vacation security sessions app-passwords mail-app data';
test('settings', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  for (const section of SETTINGS.split(' ')) await check(page, section, at(`/settings/${section}`));
});

test('dialogs of settings', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  const of = (section: string, name: string | RegExp) =>
    check(page, `${section}, ${String(name)}`, above(`/settings/${section}`, dialog(name)));
  await of('identities', 'New identity');
  await of('security', 'Turn on');
  await of('security', 'Add a passkey');
  await of('app-passwords', 'New app password');
  await of('keys', /^Change the keys/);
  await signedIn(me); // somewhere else as well
  await of('sessions', 'Sign out everywhere else');
});

test('administration', async ({ boss, signedIn }) => {
  const page = await signedIn(boss);
  for (const section of ['domains', 'accounts', 'aliases', 'invites', 'queue', 'zones']) {
    await check(page, section, at(`/admin/${section}`));
  }
  const of = (section: string, name: string | RegExp) =>
    check(page, `${section}, ${String(name)}`, above(`/admin/${section}`, dialog(name)));
  await of('accounts', 'New account');
  await of('aliases', 'New address');
  await of('invites', 'New invite');
  await of('domains', 'Add a domain');
  await of('zones', 'Add a zone');
  await check(page, 'an account', async () => {
    await page.goto('/admin/accounts');
    await page.getByRole('button', { name: `Edit: ${BOSS}` }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
  });
});

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
