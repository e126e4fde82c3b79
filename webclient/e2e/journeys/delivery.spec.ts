// Scenarios 2 to 6 and 9: to oneself, to each other, to unknown ones, from outside, to outside.
import { expect, open, read, row, rows, send, test, write } from '../support/fixtures';
import { message } from '../support/message';
import { deliver, SmtpRefusal } from '../support/smtp';

test('a message to oneself only is in Sent and in the inbox at once, unread', async ({
  me,
  signedIn,
}) => {
  const page = await signedIn(me);
  await open(page);
  await send(await write(page, { to: me.address, subject: 'Note to self', text: 'Milk' }));
  const own = row(page, 'Note to self');
  await expect(own).toBeVisible();
  await expect(own).toContainText('Unread.');
  await open(page, '/mail/sent');
  await expect(row(page, 'Note to self')).toBeVisible();
});

test('a message to a neighbour shows up there without a reload, and is suggested on both sides', async ({
  me,
  newPerson,
  signedIn,
}) => {
  const you = newPerson();
  const [mine, yours] = [await signedIn(me), await signedIn(you)];
  await open(mine);
  await open(yours);
  await expect(yours.getByText('Nothing here')).toBeVisible();
  await send(await write(mine, { to: you.address, subject: 'Lunch?', text: 'At noon' }));
  await expect(row(yours, 'Lunch?')).toContainText('At noon');
  await expect(yours).toHaveTitle(/^\(1\) Inbox/);
  await open(mine, '/mail/sent');
  await expect(row(mine, 'Lunch?')).toBeVisible();
  for (const [page, other] of [
    [mine, you],
    [yours, me],
  ] as const) {
    const box = await write(page, {});
    await box.getByRole('combobox', { name: 'To' }).pressSequentially(other.login.slice(0, 7));
    await expect(box.getByRole('option', { name: other.address })).toBeVisible();
  }
});

test('one message to oneself, two neighbours and two others comes to each exactly once', async ({
  me,
  newPerson,
  signedIn,
  sink,
}) => {
  const [one, two] = [newPerson(), newPerson()];
  const outside = [`${me.login}-a@far.test`, `${me.login}-b@farther.test`];
  const page = await signedIn(me);
  await open(page);
  const all = [me.address, one.address, two.address, ...outside];
  const box = await write(page, { subject: 'To all of you', text: 'Hello' });
  const field = box.getByRole('combobox', { name: 'To' });
  for (const each of all) {
    await field.fill(each);
    await field.press('Enter');
  }
  await send(box);
  for (const each of outside) {
    await expect.poll(() => sink.received.filter(({ to }) => to.includes(each)).length).toBe(1);
  }
  for (const person of [me, one, two]) {
    await expect.poll(async () => (await person.jmap.inRole('inbox')).length).toBe(1);
    const [email] = await person.jmap.inRole('inbox');
    const to = email?.['to'] as { email: string }[];
    expect(to.map((each) => each.email)).toEqual(all);
  }
  const copies = sink.received.filter(({ to }) => to.some((each) => outside.includes(each)));
  for (const copy of copies) for (const each of all) expect(copy.text).toContain(each);
});

test('what cannot be delivered comes back into the conversation, unread, with the reason', async ({
  me,
  signedIn,
}) => {
  const page = await signedIn(me);
  await open(page);
  await send(await write(page, { to: 'nobody-here@local.test', subject: 'Anyone?', text: 'Hi' }));
  const notice = row(page, /Anyone\?|Undeliver|not delivered/i);
  await expect(notice.first()).toBeVisible();
  await expect(notice.first()).toContainText('Unread.');
  await notice.first().click();
  await expect(
    page
      .getByRole('region', { name: 'Conversation' })
      .getByText(/nobody-here@local\.test/)
      .first(),
  ).toBeVisible();
});

test('mail from outside is listed as it comes, and what is not ours is refused', async ({
  me,
  mail,
  server,
  signedIn,
}) => {
  const page = await signedIn(me);
  await open(page);
  await mail(me, { subject: 'From far away', text: 'Good day', from: 'Ada Fern <ada@far.test>' });
  await expect(row(page, 'From far away')).toContainText('Ada Fern');
  const refused = async (to: string) => {
    const error = await deliver(server.smtp, {
      from: 'clara@elsewhere.test',
      to: [to],
      message: message({}),
    }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SmtpRefusal);
    return (error as SmtpRefusal).code;
  };
  expect(await refused('nobody-here@local.test')).toBe(550);
  expect(await refused('somebody@other-domain.test')).toBeGreaterThanOrEqual(550);
  await expect(rows(page)).toHaveCount(1);
});

test('the way of a sent message is told step by step, and a refusal with the words of the other server', async ({
  me,
  sink,
  signedIn,
}) => {
  const good = `${me.login}-good@far.test`;
  const bad = `${me.login}-bad@far.test`;
  sink.refusals.set(bad, '550 5.1.1 We know nobody of <b>that</b> name');
  const page = await signedIn(me);
  await open(page);
  const box = await write(page, { to: good, subject: 'One of you', text: 'Hello' });
  await box.getByRole('combobox', { name: 'To' }).fill(bad);
  await box.getByRole('combobox', { name: 'To' }).press('Enter');
  await send(box);
  await open(page, '/mail/sent');
  const thread = await read(page, 'One of you');
  const own = thread.getByRole('button', { name: `Unfold the message of ${me.address}` });
  if (await own.isVisible()) await own.click(); // the notice came in already
  const way = thread.locator('details', { hasText: 'Delivery' }).first();
  await way.locator('summary').click();
  await expect(way.getByText('Taken by the other server').first()).toBeVisible();
  await expect(way.getByText(/We know nobody of <b>that<\/b> name/).first()).toBeVisible();
  await open(page);
  await expect(row(page, 'One of you').first()).toContainText('Not delivered');
});

test('what is put off is said to be tried again', async ({ me, sink, signedIn }) => {
  const slow = `${me.login}-slow@far.test`;
  sink.refusals.set(slow, '451 4.7.1 Greylisted, come back later');
  const page = await signedIn(me);
  await open(page);
  await send(await write(page, { to: slow, subject: 'Patience', text: 'Hello' }));
  await open(page, '/mail/sent');
  const thread = await read(page, 'Patience');
  const way = thread.locator('details', { hasText: 'Delivery' }).first();
  await expect(way.locator('summary')).toContainText(/Put off/);
});
