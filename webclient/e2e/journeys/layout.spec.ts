// Scenario 20: themes, phone, tablet and desk, the drawer, Back; and the keys.
import { expect, open, read, row, rows, test } from '../support/fixtures';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

test('the theme follows the system until one is chosen, and the choice stays', async ({
  me,
  signedIn,
}) => {
  const page = await signedIn(me, { colorScheme: 'dark' });
  await open(page);
  const root = page.locator('html');
  await expect(root).toHaveAttribute('data-theme', 'dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(root).toHaveAttribute('data-theme', 'light');
  await page.getByRole('button', { name: /^Account/ }).click();
  await page.getByRole('menuitem', { name: 'Dark theme' }).click();
  await expect(root).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(root).toHaveAttribute('data-theme', 'dark');
  const elsewhere = await signedIn(me, { colorScheme: 'light', settings: {} });
  await open(elsewhere);
  await expect(elsewhere.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('a phone shows list or conversation, the drawer, and Back goes back', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Small screen' });
  const page = await signedIn(me, PHONE);
  await open(page);
  await expect(page.getByRole('region', { name: 'Conversation' })).toHaveCount(0);
  const thread = await read(page, 'Small screen');
  await expect(thread).toBeVisible();
  await expect(page.getByRole('grid')).toHaveCount(0);
  await page.goBack();
  await expect(row(page, 'Small screen')).toBeVisible();
  await page.getByRole('button', { name: 'Show folders' }).click();
  await page.getByRole('link', { name: 'Sent' }).click();
  await expect(page.getByRole('heading', { name: 'Sent', level: 1 })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Drafts' })).toBeHidden();
  await page.getByRole('button', { name: 'Compose' }).click();
  const box = page.getByRole('dialog');
  await expect.poll(async () => (await box.boundingBox())?.width).toBe(360);
  // Nothing is wider than the screen.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
});

test('a tablet shows list and conversation, a desk the folders as well', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Two panes' });
  const page = await signedIn(me, { viewport: { width: 820, height: 1180 } });
  await open(page);
  await read(page, 'Two panes');
  await expect(page.getByRole('grid')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Drafts' })).toBeHidden();
  await page.setViewportSize({ width: 1440, height: 900 });
  await expect(page.getByRole('link', { name: 'Drafts' })).toBeVisible();
  await expect(page.getByRole('grid')).toBeVisible();
});

test('an area without its page leads to the first one', async ({ me, signedIn }) => {
  const page = await signedIn(me);
  for (const [typed, shown] of [
    ['/settings', /\/settings\/account$/],
    ['/mail', /\/mail\/inbox$/],
  ] as const) {
    await page.goto(typed);
    await expect(page).toHaveURL(shown);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  }
});

test('each view has an address: Back, forward and reload keep the place', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'By address' });
  const page = await signedIn(me);
  await open(page);
  await read(page, 'By address');
  const address = page.url();
  await page.getByRole('link', { name: 'Sent' }).click();
  await expect(page.getByRole('heading', { name: 'Sent', level: 1 })).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(address);
  await expect(page.getByRole('heading', { name: 'By address' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'By address' })).toBeVisible();
  await page.goto('/mail/no-such-folder');
  await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
  await page.goto('/nowhere/at/all');
  await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
});

test('everything can be done by keys alone', async ({ me, mail, signedIn }) => {
  for (const name of ['one', 'two', 'three']) await mail(me, { subject: `Key ${name}` });
  const page = await signedIn(me);
  await open(page);
  await expect(rows(page)).toHaveCount(3);
  await page.keyboard.press('j'); // from the first to the second
  await page.keyboard.press('o');
  await expect(page.getByRole('heading', { name: 'Key two', level: 2 })).toBeVisible();
  await page.keyboard.press('s');
  await expect(row(page, 'Key two').getByRole('img', { name: 'starred' })).toBeVisible();
  await page.keyboard.press('e');
  await expect(rows(page)).toHaveCount(2);
  await page.keyboard.press('z');
  await expect(rows(page)).toHaveCount(3);
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await expect(page.getByRole('heading', { name: 'Starred', level: 1 })).toBeVisible();
  await page.keyboard.press('c');
  const box = page.getByRole('dialog');
  await expect(box.getByRole('combobox', { name: 'To' })).toBeFocused();
  await page.keyboard.type('eggs'); // letters are letters in a field
  await expect(box.getByRole('combobox', { name: 'To' })).toHaveValue('eggs');
  await page.keyboard.press('Escape');
  await expect(box).toHaveCount(0);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog').getByText('Archive and go to the next')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await expect(page.getByPlaceholder('Type what you want to do')).toBeFocused();
  await page.keyboard.type('drafts');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Drafts', level: 1 })).toBeVisible();
});

test('what is typed towards a composer that is still loading does nothing to the list', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Not to be archived' });
  const page = await signedIn(me);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/assets\/(ComposerLayer|Editor)/, async (route) => {
    await held;
    await route.continue();
  });
  await open(page);
  await expect(rows(page)).toHaveCount(1);
  await page.keyboard.press('c');
  await page.keyboard.type('eee###');
  release();
  await expect(page.getByRole('combobox', { name: 'To' })).toBeFocused();
  await expect(rows(page)).toHaveCount(1);
});

test('the language is the browser’s, and can be chosen', async ({ me, signedIn }) => {
  const page = await signedIn(me, { locale: 'de-DE' });
  await open(page);
  await expect(page.getByRole('heading', { name: 'Posteingang', level: 1 })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
});
