// Lists, answers to lists, protected messages, invitations, links that lead elsewhere.
import { composer, expect, open, read, row, send, test } from '../support/fixtures';

const LIST = [
  'List-Id: Roses <roses.lists.test>',
  'List-Post: <mailto:roses@lists.test>',
  'Reply-To: roses@lists.test',
];

test('a list is left by its message when its server does not answer the click', async ({
  me,
  mail,
  signedIn,
  sink,
}) => {
  await mail(me, {
    subject: 'Weekly offers',
    headers: [
      'List-Unsubscribe: <https://127.0.0.1:1/leave>, <mailto:leave+k=1@lists.test?subject=off%20me>',
      'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    ],
  });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Weekly offers');
  await thread.getByRole('button', { name: 'Unsubscribe' }).click();
  const question = page.getByRole('alertdialog').or(page.getByRole('dialog'));
  await expect(question).toContainText('127.0.0.1:1 is asked to take you off the list');
  await question.getByRole('button', { name: 'Unsubscribe' }).click();
  await expect(page.getByText(/Not unsubscribed: /)).toBeVisible();
  await page.getByRole('button', { name: 'Another way' }).click();
  await expect(question).toContainText('is sent to leave+k=1@lists.test');
  await question.getByRole('button', { name: 'Unsubscribe' }).click();
  await expect(thread.getByText('You have unsubscribed from this list.')).toBeVisible();
  await expect(thread.getByRole('button', { name: 'Unsubscribe' })).toHaveCount(0);
  await expect.poll(() => sink.received.filter((each) => each.to.includes('leave+k=1@lists.test')).length).toBe(1); // prettier-ignore
  const letter = sink.received.find((each) => each.to.includes('leave+k=1@lists.test'));
  expect([letter?.from, /^Subject: (.*)$/m.exec(letter?.text ?? '')?.[1]]).toEqual([me.address, 'off me']); // prettier-ignore
  const [email] = await me.jmap.inRole('inbox');
  expect(email?.['keywords']).toHaveProperty('$unsubscribed');
});

test('an answer says that it goes to a list, and goes to its author alone when that is wanted', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { to: 'roses@lists.test', subject: 'Which roses?', headers: LIST });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Which roses?');
  await thread.getByRole('button', { name: 'Reply', exact: true }).first().click();
  const box = composer(page);
  await expect(box.getByText('This goes to everybody on the mailing list.')).toBeVisible();
  const to = box.getByRole('list', { name: 'To' });
  await expect(to).toContainText('roses@lists.test');
  await box.getByRole('button', { name: 'Only to Clara Fremd' }).click();
  await expect(to).toContainText('Clara Fremd');
  await expect(to).not.toContainText('roses@lists.test');
  await box.getByRole('button', { name: 'Discard the draft' }).click();
  await thread.getByRole('button', { name: 'More' }).last().click();
  await page.getByRole('menuitem', { name: 'Reply to the list' }).click();
  await expect(to).toContainText('roses@lists.test');
});

test('a forward that was put aside and gone on with still marks what it passes on', async ({
  me,
  mail,
  newPerson,
  signedIn,
}) => {
  const you = newPerson();
  await mail(me, { subject: 'Worth passing on', text: 'Read this' });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Worth passing on');
  await thread.getByRole('button', { name: 'Forward' }).click();
  await composer(page).getByRole('combobox', { name: 'To' }).fill(you.address);
  await composer(page).getByRole('combobox', { name: 'To' }).press('Enter');
  await expect(composer(page).getByText('Saved', { exact: true })).toBeVisible();
  await composer(page).getByRole('button', { name: 'Save and close' }).click();
  await open(page, '/mail/drafts');
  await row(page, 'Worth passing on').click();
  await send(composer(page));
  await expect.poll(async () => (await me.jmap.inRole('inbox'))[0]?.['keywords']).toHaveProperty('$forwarded'); // prettier-ignore
});

test('an encrypted message says so; an invitation says what, when and where', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, { subject: 'Secret', text: '-----BEGIN PGP MESSAGE-----\n\nhQEM\n' });
  const event = ['BEGIN:VCALENDAR', 'METHOD:REQUEST', 'BEGIN:VEVENT', 'SUMMARY:Tea in the garden', 'DTSTART:20260701T140000Z', 'DTEND:20260701T150000Z', 'LOCATION:Behind the house', 'END:VEVENT', 'END:VCALENDAR']; // prettier-ignore
  await mail(me, {
    subject: 'Tea?',
    attachments: [{ name: 'tea.ics', type: 'text/calendar', content: event.join('\r\n') }],
  });
  const page = await signedIn(me);
  await open(page);
  await expect(
    (await read(page, 'Secret')).getByText('This message is encrypted with OpenPGP.'),
  ).toBeVisible();
  const card = (await read(page, 'Tea?')).getByRole('region', { name: 'Invitation' });
  await expect(card).toContainText('Tea in the garden');
  await expect(card).toContainText('Wednesday, July 1, 2026'); // in Berlin
  await expect(card).toContainText(/4:00.*5:00/);
  await expect(card).toContainText('Behind the house');
});

test('where a link leads is shown on the way to it, and asked when its text says otherwise', async ({
  me,
  mail,
  signedIn,
}) => {
  await mail(me, {
    subject: 'Your bank',
    html: '<p><a href="https://evil.test/x">www.bank.test</a> <a href="https://fine.test/">Fine</a></p>',
  });
  const page = await signedIn(me);
  await open(page);
  const thread = await read(page, 'Your bank');
  const frame = thread.frameLocator('iframe');
  await frame.getByRole('link', { name: 'Fine' }).hover();
  await expect(thread.getByText('fine.test', { exact: true })).toBeVisible();
  await frame.getByRole('link', { name: 'www.bank.test' }).focus();
  await expect(thread.getByText('evil.test', { exact: true })).toBeVisible();
  await frame.getByRole('link', { name: 'www.bank.test' }).click();
  await expect(
    page.getByText('Its text names bank.test, but it leads to evil.test.'),
  ).toBeVisible();
});

test('on paper, mail has its own colours', async ({ me, mail, signedIn }) => {
  const page = await signedIn(me, { settings: { theme: 'dark' } });
  await mail(me, {
    subject: 'To be printed',
    html: '<p style="color: #000; background: #fff">Black on white</p>',
  });
  await open(page);
  const thread = await read(page, 'To be printed');
  const text = thread.frameLocator('iframe').getByText('Black on white');
  await expect(text).not.toHaveCSS('color', 'rgb(0, 0, 0)');
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
  await expect(text).toHaveCSS('color', 'rgb(0, 0, 0)');
  await expect(text).toHaveCSS('background-color', 'rgb(255, 255, 255)');
  await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
  await expect(text).not.toHaveCSS('color', 'rgb(0, 0, 0)');
});

test('pictures from elsewhere are shown for the sender that one trusts, and for no other', async ({
  me,
  mail,
  signedIn,
}) => {
  const html = '<p>Look <img src="https://images.test/a.png" alt="a picture"></p>';
  await mail(me, { subject: 'From Clara', html });
  await mail(me, { subject: 'Again Clara', html });
  await mail(me, { subject: 'From Dora', html, from: 'Dora <dora@elsewhere.test>' });
  const page = await signedIn(me);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await open(page);
  await expect((await read(page, 'From Clara')).getByText(/1 image from elsewhere/)).toBeVisible();
  await page.getByRole('button', { name: 'Always for clara@elsewhere.test' }).click();
  await expect(page.getByText('Images from elsewhere are shown for clara@elsewhere.test.')).toBeVisible(); // prettier-ignore
  await read(page, 'Again Clara');
  await expect(page.getByText('Images from elsewhere are shown for clara@elsewhere.test.')).toBeVisible(); // prettier-ignore
  await expect((await read(page, 'From Dora')).getByText(/1 image from elsewhere/)).toBeVisible();
  expect(asked.filter((url) => new URL(url).hostname === 'images.test')).toEqual([]);
});
