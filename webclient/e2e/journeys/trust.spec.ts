// What the server made of a message: why it lies in spam, what to beware of, who writes for the first time.
import { expect, open, read, row, test } from '../support/fixtures';

test.use({ checks: true });

// The sender names himself as somebody else; the wording alone would not put it into spam.
const BEWARE = 'the sender calls himself boss@bank.test, but writes from clara@elsewhere.test';

test('what to beware of stands above the text, with all reasons at hand', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { from: '"boss@bank.test" <clara@elsewhere.test>', subject: 'Your account' });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Your account');
  const warning = thread.getByRole('region', { name: 'Warning about this message' });
  await expect(warning).toContainText(BEWARE);
  await warning.getByRole('button', { name: 'Why is this here?' }).click();
  const reasons = thread.getByRole('region', { name: 'Why is this here?' });
  await expect(reasons).toContainText('Be careful with this message');
  await expect(reasons).toContainText('clara@elsewhere.test writes to you for the first time.');
  await expect(thread.getByText('First message from this sender')).toBeVisible();
});

test('who wrote before is no stranger, and an ordinary message has no warning', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'First' });
  await mail(me, { subject: 'Second' });
  const page = await signedIn(me);
  await open(page);
  let thread = await read(page, 'First');
  await expect(thread.getByText('First message from this sender')).toBeVisible();
  await expect(thread.getByRole('region', { name: 'Warning about this message' })).toHaveCount(0);
  await thread.getByRole('button', { name: 'Nobody vouches for the sender' }).click();
  await expect(thread.getByRole('region', { name: 'Why is this here?' })).toBeVisible();
  await open(page);
  thread = await read(page, 'Second');
  await expect(thread.getByRole('button', { name: 'Nobody vouches for the sender' })).toBeVisible();
  await expect(thread.getByText('First message from this sender')).toHaveCount(0);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`why a message lies in spam, and that it is none (${colorScheme})`, async ({
    me,
    mail,
    signedIn,
  }, info) => {
    // Somebody else's address for a name, and a domain that looks like ours: together enough.
    await mail(me, {
      from: '"boss@bank.test" <pay@1ocal.test>',
      envelope: 'pay@1ocal.test',
      subject: 'Invoice',
    });
    const page = await signedIn(me, { colorScheme });
    await open(page, '/mail/junk');
    const thread = await read(page, 'Invoice');
    const warning = thread.getByRole('region', { name: 'Warning about this message' });
    await expect(warning).toContainText('This is in Spam.');
    await warning.getByRole('button', { name: 'Why is this here?' }).click();
    await expect(thread.getByText('Taken for spam').last()).toBeVisible();
    await page.screenshot({ path: info.outputPath(`spam-${colorScheme}.png`) });
    await warning.getByRole('button', { name: 'Not spam' }).click();
    await open(page);
    await expect(row(page, 'Invoice')).toBeVisible();
  });
}
