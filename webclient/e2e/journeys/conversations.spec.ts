// Scenarios 10 and 14: what belongs together, and what does not.
import { expect, open, read, row, rows, test } from '../support/fixtures';
import { newMessageId } from '../support/message';

const five = (reference: 'In-Reply-To' | 'References') =>
  Array.from({ length: 7 }, newMessageId).map((messageId, n, all) => {
    const before = all.slice(0, n);
    const last = before.at(-1);
    return {
      messageId,
      subject: n === 0 ? 'The garden' : 'Re: The garden',
      text:
        n === 0 ? 'Shall we dig?' : `Answer ${n}\n\nOn some day, somebody wrote:\n> Shall we dig?`,
      from: `Person ${n} <p${n}@${n % 2 === 0 ? 'far' : 'farther'}.test>`,
      ...(last === undefined
        ? {}
        : reference === 'In-Reply-To'
          ? { inReplyTo: last }
          : { references: before }),
    };
  });

for (const reference of ['In-Reply-To', 'References'] as const) {
  test(`a conversation across two domains is found by ${reference} alone, and shown folded`, async ({
    me,
    mail,
    signedIn,
  }) => {
    for (const each of five(reference)) await mail(me, each);
    const page = await signedIn(me);
    await open(page);
    await expect(rows(page)).toHaveCount(1);
    await expect(rows(page)).toContainText('7 messages');
    const thread = await read(page, 'The garden');
    // The first and the last two stand there; the others wait behind a button.
    await expect(thread.getByRole('article')).toHaveCount(3);
    await thread.getByRole('button', { name: '4 earlier messages' }).click();
    await expect(thread.getByRole('article')).toHaveCount(7);
    const newest = thread.getByRole('article').last();
    await expect(newest.getByText('Answer 6')).toBeVisible();
    // What it quotes is folded away, and unfolds.
    await expect(newest.getByText('Shall we dig?')).toBeHidden();
    await newest.getByLabel('Quoted text').click();
    await expect(newest.getByText('Shall we dig?')).toBeVisible();
  });
}

test('a stranger who names a known message does not get into the conversation', async ({
  me,
  mail,
  signedIn,
}) => {
  const [first] = five('References');
  await mail(me, first);
  await mail(me, {
    subject: 'Cheap pills',
    inReplyTo: first?.messageId ?? '',
    references: [first?.messageId ?? ''],
    from: 'Stranger <s@bad.test>',
  });
  const page = await signedIn(me);
  await open(page);
  await expect(rows(page)).toHaveCount(2);
});

test('a stranger who copies its subject as well is in the conversation, and marked as new', async ({
  me,
  mail,
  signedIn,
}) => {
  const [first] = five('References');
  await mail(me, first);
  await mail(me, {
    subject: `Re: ${first?.subject ?? ''}`,
    references: [first?.messageId ?? ''],
    from: 'Stranger <s@bad.test>',
  });
  const page = await signedIn(me);
  await open(page);
  await expect(rows(page)).toHaveCount(1);
  await rows(page).first().click();
  await expect(page.getByText('New to this conversation')).toHaveCount(1);
});

test('opening marks as read, and the count beside the inbox goes down', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'First of two' });
  await mail(me, { subject: 'Second of two' });
  const page = await signedIn(me);
  await open(page);
  await expect(page).toHaveTitle(/^\(2\)/);
  await read(page, 'First of two');
  await expect(page).toHaveTitle(/^\(1\)/);
  await expect(row(page, 'First of two')).not.toContainText('Unread.');
  await page.reload();
  await expect(page.getByRole('region', { name: 'Conversation' }).getByRole('article')).toHaveCount(
    1,
  );
  await expect(page).toHaveTitle(/^\(1\)/);
});

test('an answer to a conversation in the trash is not hidden with it', async ({
  me,
  mail,
  signedIn,
}) => {
  const [first, second] = five('References');
  await mail(me, first);
  const page = await signedIn(me);
  await open(page);
  await row(page, 'The garden').hover();
  await row(page, 'The garden').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('Nothing here')).toBeVisible();
  await mail(me, second);
  await expect(row(page, 'The garden')).toContainText('Unread.');
  const thread = await read(page, 'The garden');
  await expect(thread.getByText('Answer 1')).toBeVisible();
  await expect(thread.getByText(/1 message of this conversation is in the trash/)).toBeVisible();
  await thread.getByRole('button', { name: 'Show' }).click();
  await expect(thread.getByRole('article')).toHaveCount(2);
});

test('what is being read stays as it is when mail comes in', async ({ me, mail, signedIn }) => {
  await mail(me, {
    subject: 'Long reading',
    html: '<p>Yes.</p><blockquote type="cite">Shall we?</blockquote>',
  });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Long reading');
  await expect(row(page, 'Long reading')).not.toContainText('Unread.');
  const body = thread.frameLocator('iframe');
  await body.getByText('•••').click();
  await expect(body.getByText('Shall we?')).toBeVisible();
  await mail(me, { subject: 'Something else' });
  await expect(row(page, 'Something else')).toBeVisible();
  await expect(body.getByText('Shall we?')).toBeVisible();
});
