// What waits, is muted, has labels in colours: rows, the opened conversation, dialogs, saved searches.
import { expect, open, row, test } from '../support/fixtures';
import { check } from './check';

test.describe.configure({ timeout: 120_000 });

test('snoozed, muted and labelled mail', async ({ me, mail, signedIn }) => {
  const names = ['red', 'orange', 'yellow', 'green', 'teal', 'blue', 'violet', 'pink'];
  const { created } = await me.jmap.call<{ created: Record<string, { id: string }> }>(
    'Mailbox/set',
    {
      create: {
        ...Object.fromEntries(names.map((name) => [name, { name }])),
        room: { name: 'Snoozed', role: 'snoozed' },
      },
    },
  );
  const id = (name: string) => created[name]?.id ?? '';
  const labels = Object.fromEntries(names.slice(0, 3).map((name) => [id(name), true]));
  const others = Object.fromEntries(names.slice(3).map((name) => [id(name), true]));
  await mail(me, { subject: 'The bright ones' });
  await mail(me, { subject: 'The waiting one' });
  const inbox = await me.jmap.mailbox('inbox');
  for (const each of await me.jmap.inRole('inbox')) {
    const waits = each['subject'] === 'The waiting one';
    await me.jmap.call('Email/set', {
      update: {
        [String(each['id'])]: waits
          ? {
              mailboxIds: { ...labels, [id('room')]: true },
              snoozed: { until: '2090-01-01T10:00:00Z' },
            }
          : {
              mailboxIds: { ...others, [inbox]: true },
              keywords: { $muted: true, $new: true },
            },
      },
    });
  }
  const page = await signedIn(me, {
    settings: {
      theme: 'system',
      labelColours: Object.fromEntries(names.map((name) => [id(name), name])),
      savedSearches: [{ name: 'Bright', q: 'has:label' }],
      markReadAfter: -1,
    },
  });
  const to = (path: string, subject: string) => async () => {
    await open(page, path);
    await expect(row(page, subject)).toBeVisible();
  };
  await check(page, 'the inbox', to('/mail/inbox', 'The bright ones'));
  await check(page, 'snoozed', to('/mail/snoozed', 'The waiting one'));
  await check(page, 'a saved search', to('/search?q=has:label', 'The waiting one'));
  const thread = async () => {
    await to('/mail/snoozed', 'The waiting one')();
    await row(page, 'The waiting one').click();
    await expect(page.getByRole('list', { name: 'Labels' })).toBeVisible();
    await expect(page.getByText('A few words.').first()).toBeVisible();
  };
  await check(page, 'its labels', thread);
  for (const [key, name] of [
    ['b', 'Snooze until…'],
    ['l', 'Labels'],
  ] as const) {
    await check(page, name, async () => {
      await thread();
      await page.keyboard.press(key);
      await expect(page.getByRole('dialog', { name })).toBeVisible();
    });
  }
});
