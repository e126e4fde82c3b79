// Scenarios 11, 12, 17 and 18: answers, files, suggestions, recipients; and what must never be lost.
import type { Locator } from '@playwright/test';

import { composer, expect, open, read, row, send, test, write } from '../support/fixtures';
import { newMessageId } from '../support/message';

const chips = (box: Locator, field = 'To') =>
  box.getByRole('list', { name: field }).getByRole('button', { name: /^Remove / });
const expectChips = (box: Locator, names: string[], field = 'To') =>
  expect
    .poll(() =>
      chips(box, field).evaluateAll((all) =>
        all.map((each) => each.getAttribute('aria-label')?.replace('Remove ', '')),
      ),
    )
    .toEqual(names);

test.describe('answers', () => {
  test('reply goes to the sender, quotes what was said, and stays in the conversation', async ({
    me,
    mail,
    signedIn,
    sink,
  }) => {
    const messageId = newMessageId();
    const from = `${me.login}-ann@far.test`;
    await mail(me, {
      from: `Ann <${from}>`,
      subject: 'Plan',
      text: 'Meet me at nine.',
      messageId,
      references: ['<root@far.test>'],
    });
    const page = await signedIn(me);
    await open(page);
    const thread = await read(page, 'Plan');
    await thread.getByRole('button', { name: 'Reply', exact: true }).last().click();
    const box = composer(page);
    await expectChips(box, [from]);
    await expect(box.getByRole('textbox', { name: 'Subject' })).toHaveValue('Re: Plan');
    await box.getByRole('textbox', { name: 'Message' }).fill('I will be there.');
    await send(box);
    await expect(thread.getByRole('article')).toHaveCount(2);
    await expect.poll(() => sink.received.some(({ to }) => to.includes(from))).toBe(true);
    const text = sink.received.find(({ to }) => to.includes(from))?.text ?? '';
    expect(text).toContain(`In-Reply-To: ${messageId}`);
    expect(text.replace(/\n\s+/g, ' ')).toContain(`References: <root@far.test> ${messageId}`);
    expect(text).toContain('I will be there.');
    expect(text).toContain('Meet me at nine.');
  });

  test('reply all leaves oneself out and keeps who was in copy', async ({
    me,
    newPerson,
    mail,
    signedIn,
  }) => {
    const other = newPerson();
    await mail(me, {
      from: 'Ann <ann@far.test>',
      to: `${me.address}, ${other.address}`,
      cc: 'Cem <cem@far.test>',
      subject: 'Everybody',
    });
    const page = await signedIn(me);
    await open(page);
    const thread = await read(page, 'Everybody');
    await thread.getByRole('button', { name: 'Reply to all' }).last().click();
    const box = composer(page);
    await expectChips(box, ['ann@far.test']);
    await expectChips(box, [other.address, 'cem@far.test'], 'Cc');
  });

  test('an answer to one’s own sent message goes to those it went to, and more can be added', async ({
    me,
    newPerson,
    signedIn,
  }) => {
    const [you, third] = [newPerson(), newPerson()];
    const page = await signedIn(me);
    await open(page);
    await send(await write(page, { to: you.address, subject: 'First word', text: 'Hello' }));
    await open(page, '/mail/sent');
    const thread = await read(page, 'First word');
    await thread.getByRole('button', { name: 'Reply', exact: true }).last().click();
    const box = composer(page);
    await expectChips(box, [you.address]);
    await box.getByRole('combobox', { name: 'To' }).fill(third.address);
    await box.getByRole('combobox', { name: 'To' }).press('Enter');
    await box.getByRole('textbox', { name: 'Message' }).fill('And another thing');
    await send(box);
    await expect.poll(async () => (await third.jmap.inRole('inbox')).length).toBe(1);
    await expect.poll(async () => (await you.jmap.inRole('inbox')).length).toBe(2);
    const mails = await you.jmap.inRole('inbox');
    expect(new Set(mails.map((each) => each['threadId'])).size).toBe(1);
  });

  test('forward carries the files along, but for the one that was taken out', async ({
    me,
    newPerson,
    mail,
    signedIn,
  }) => {
    const you = newPerson();
    await mail(me, {
      subject: 'Papers',
      html: '<p>See <b>these</b></p>',
      attachments: [
        { name: 'keep.pdf', type: 'application/pdf', content: '%PDF-1.4 keep' },
        { name: 'drop.pdf', type: 'application/pdf', content: '%PDF-1.4 drop' },
      ],
    });
    const page = await signedIn(me);
    await open(page);
    const thread = await read(page, 'Papers');
    await thread.getByRole('button', { name: 'Forward' }).last().click();
    const box = composer(page);
    await expect(box.getByRole('textbox', { name: 'Subject' })).toHaveValue('Fwd: Papers');
    await box.getByRole('button', { name: 'Remove drop.pdf' }).click();
    await box.locator('input[type=file]').setInputFiles({
      name: 'new.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('brand new'),
    });
    await expect(box.getByRole('button', { name: 'Remove new.txt' })).toBeVisible();
    await box.getByRole('combobox', { name: 'To' }).fill(you.address);
    await send(box);
    await expect.poll(async () => (await you.jmap.inRole('inbox')).length).toBe(1);
    const [email] = await you.jmap.inRole('inbox');
    const names = (email?.['attachments'] as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['keep.pdf', 'new.txt']);
    expect(JSON.stringify(email?.['bodyValues'])).toContain('<b>these</b>');
  });
});

test.describe('recipients', () => {
  test('Enter, comma, a pasted list, twice the same, what is no address, and what was not confirmed', async ({
    me,
    signedIn,
    sink,
  }) => {
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, { subject: 'Many ways', text: 'x' });
    const field = box.getByRole('combobox', { name: 'To' });
    await field.fill(`${me.login}-a@far.test`);
    await field.press('Enter');
    await field.pressSequentially(`${me.login}-b@far.test,`);
    await expect(chips(box)).toHaveCount(2);
    await field.evaluate((element, text) => {
      const data = new DataTransfer();
      data.setData('text/plain', text);
      element.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      );
    }, `"Doe, Jane" <${me.login}-c@far.test>; ${me.login}-d+tag@far.online\n${me.login}-a@far.test`);
    await expect(chips(box)).toHaveCount(4);
    await field.fill('not an address');
    await field.press('Enter');
    await box.getByRole('button', { name: 'Send', exact: true }).click();
    await expect(box.getByRole('alert')).toContainText('“not an address” is not an email address.');
    await box.getByRole('button', { name: 'Remove not an address' }).click();
    await field.fill(`${me.login}-last@far.test`); // typed, never confirmed
    await send(box);
    const wanted = ['a@far.test', 'b@far.test', 'c@far.test', 'd+tag@far.online', 'last@far.test'];
    const got = () =>
      sink.received.flatMap(({ to }) => to).filter((each) => each.startsWith(`${me.login}-`));
    await expect.poll(() => got().length).toBe(5);
    expect(got().sort()).toEqual(wanted.map((each) => `${me.login}-${each}`));
    await page.waitForTimeout(500);
    expect(got()).toHaveLength(5);
  });

  test('suggestions are ranked, chosen by keys, and bear odd letters', async ({
    me,
    mail,
    signedIn,
  }) => {
    await mail(me, { from: 'Zoe Once <zoe.once@far.test>' });
    const page = await signedIn(me);
    await open(page);
    for (const subject of ['one', 'two']) {
      await send(await write(page, { to: 'zoe.often@far.test', subject, text: 'x' }));
    }
    const box = await write(page, {});
    const field = box.getByRole('combobox', { name: 'To' });
    await field.pressSequentially('zoe');
    const options = box.getByRole('option');
    await expect(options).toHaveCount(2);
    await expect(options.first()).toContainText('zoe.often@far.test');
    await field.press('ArrowDown');
    await field.press('Tab');
    await expectChips(box, ['zoe.once@far.test']);
    await field.pressSequentially('.*[(\\');
    await expect(options).toHaveCount(0);
    await expect(page.getByText('This page broke')).toHaveCount(0);
  });
});

test.describe('files', () => {
  const file = (name: string, size: number) => ({
    name,
    mimeType: 'application/octet-stream',
    buffer: Buffer.alloc(size, 7),
  });

  test('show how far they are, can be stopped in the middle, and removed', async ({
    me,
    signedIn,
  }) => {
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, { to: me.address, subject: 'Files', text: 'x' });
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/jmap/upload/**', async (route) => {
      await held;
      await route.continue().catch(() => undefined); // stopped meanwhile
    });
    await box.locator('input[type=file]').setInputFiles(file('slow.bin', 200_000));
    await expect(box.getByRole('progressbar', { name: 'slow.bin' })).toBeVisible();
    await box.getByRole('button', { name: 'Send', exact: true }).click();
    await expect(box.getByRole('alert')).toContainText('Files are still being uploaded.');
    await box.getByRole('button', { name: 'Cancel the upload of slow.bin' }).click();
    await expect(box.getByText('slow.bin')).toHaveCount(0);
    release();
    await page.unroute('**/jmap/upload/**');
    const eleven = Array.from({ length: 11 }, (_, n) => file(`file${n}.bin`, n * 1000));
    await box.locator('input[type=file]').setInputFiles(eleven);
    await expect(box.getByRole('button', { name: /^Remove file\d+\.bin/ })).toHaveCount(11);
    await box.getByRole('button', { name: 'Remove file3.bin' }).click();
    await send(box);
    await expect.poll(async () => (await me.jmap.inRole('inbox')).length).toBe(1);
    const [email] = await me.jmap.inRole('inbox');
    expect(email?.['attachments']).toHaveLength(10);
    // The empty one came along as well.
    expect((email?.['attachments'] as { name: string; size: number }[])[0]).toMatchObject({
      name: 'file0.bin',
      size: 0,
    });
  });

  test('that are too big are refused by name, and the rest stays', async ({ me, signedIn }) => {
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, { to: me.address, subject: 'Big', text: 'kept' });
    await box.evaluate((element) => {
      const input = element.querySelector<HTMLInputElement>('input[type=file]');
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(60 * 1024 * 1024)], 'huge.iso'));
      if (!input) return;
      input.files = data.files;
      input.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await expect(page.getByText(/huge\.iso is too big/)).toBeVisible();
    await expect(box.getByRole('textbox', { name: 'Message' })).toContainText('kept');
  });

  test('dropped on the window are attached, and nothing else happens', async ({ me, signedIn }) => {
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, { subject: 'Drop' });
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(['dropped words'], 'dropped.txt', { type: 'text/plain' }));
      return transfer;
    });
    await box.dispatchEvent('dragover', { dataTransfer: data });
    await box.dispatchEvent('drop', { dataTransfer: data });
    await expect(box.getByRole('button', { name: 'Remove dropped.txt' })).toBeVisible();
    await expect(page).toHaveURL(/\/mail\/inbox$/);
  });

  test('are read by whom they were sent to, as what they are, and by nobody else', async ({
    me,
    newPerson,
    mail,
    signedIn,
  }) => {
    const stranger = newPerson();
    await mail(me, {
      subject: 'Attached',
      attachments: [
        { name: 'words.txt', type: 'text/plain', content: 'plain words' },
        { name: 'page.html', type: 'text/html', content: '<script>alert(1)</script>' },
      ],
    });
    const page = await signedIn(me);
    await open(page);
    const thread = await read(page, 'Attached');
    await thread.getByRole('button', { name: 'Preview words.txt' }).click();
    await expect(page.getByRole('dialog').getByText('plain words')).toBeVisible();
    await page.keyboard.press('Escape');
    const link = thread.getByRole('link', { name: 'Download page.html' });
    const href = (await link.getAttribute('href')) ?? '';
    const own = await page.request.get(href);
    expect(own.status()).toBe(200);
    expect(own.headers()['content-disposition']).toMatch(/^attachment/);
    expect(own.headers()['x-content-type-options']).toBe('nosniff');
    expect(own.headers()['content-security-policy']).toContain('sandbox');
    const theirs = await signedIn(stranger);
    expect((await theirs.request.get(href)).status()).toBe(404);
    const account = /download\/([^/]+)\//.exec(href)?.[1] ?? '';
    const [, other = ''] =
      /"([^"]+)"/.exec(
        JSON.stringify(
          (
            (await (await theirs.request.get('/jmap/session')).json()) as {
              primaryAccounts: object;
            }
          ).primaryAccounts,
        ).replace(/"urn[^"]+":/g, ''),
      ) ?? [];
    expect((await theirs.request.get(href.replace(account, other))).status()).toBe(404);
  });
});

test.describe('what is written is not lost', () => {
  test('a refused message stays open with its text and files, and can be sent again', async ({
    me,
    newPerson,
    signedIn,
  }) => {
    const you = newPerson();
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, { to: you.address, subject: 'Try again', text: 'Precious' });
    await box.locator('input[type=file]').setInputFiles({
      name: 'file.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('also precious'),
    });
    await expect(box.getByRole('button', { name: 'Remove file.txt' })).toBeVisible();
    await page.route('**/jmap/api', async (route) => {
      if (route.request().postData()?.includes('EmailSubmission/set')) {
        await route.fulfill({ status: 503, json: { type: 'about:blank', status: 503 } });
      } else await route.continue();
    });
    await box.getByRole('button', { name: 'Send', exact: true }).click();
    await expect(box.getByRole('alert')).toContainText('Not sent');
    await expect(box.getByRole('textbox', { name: 'Message' })).toContainText('Precious');
    await page.unroute('**/jmap/api');
    await send(box);
    await expect.poll(async () => (await you.jmap.inRole('inbox')).length).toBe(1);
    const [email] = await you.jmap.inRole('inbox');
    expect(email?.['attachments']).toHaveLength(1);
  });

  test('a draft is kept on the server and gone on with in another browser', async ({
    me,
    signedIn,
  }) => {
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, {
      to: 'ann@far.test',
      subject: 'Half done',
      text: 'To be conti',
    });
    await expect(box.getByText('Saved', { exact: true })).toBeVisible();
    const other = await signedIn(me);
    await open(other, '/mail/drafts');
    await row(other, 'Half done').click();
    const resumed = composer(other);
    await expect(resumed.getByRole('textbox', { name: 'Message' })).toContainText('To be conti');
    await expectChips(resumed, ['ann@far.test']);
  });

  test('a reload in the middle of a word brings the message back', async ({ me, signedIn }) => {
    const page = await signedIn(me);
    await open(page);
    await write(page, { subject: 'Reloaded', text: 'Every letter of it' });
    await page.waitForTimeout(400);
    await page.reload();
    await expect
      .poll(async () => {
        if (await composer(page).isVisible()) {
          return composer(page).getByRole('textbox', { name: 'Message' }).textContent();
        }
        const drafts = await me.jmap.inRole('drafts');
        return JSON.stringify(drafts);
      })
      .toContain('Every letter of it');
  });

  test('sending can be undone for some seconds', async ({ me, newPerson, signedIn }) => {
    const you = newPerson();
    const page = await signedIn(me, { settings: { undoSeconds: 10 } });
    await open(page);
    await send(await write(page, { to: you.address, subject: 'Too soon', text: 'Wait' }));
    await page
      .getByRole('region', { name: 'Notices' })
      .getByRole('button', { name: 'Undo' })
      .click();
    await expect(composer(page).getByRole('textbox', { name: 'Subject' })).toHaveValue('Too soon');
    expect(await you.jmap.inRole('inbox')).toHaveLength(0);
  });

  test('discarding removes the draft, and can be undone', async ({ me, signedIn }) => {
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, { subject: 'Away with it', text: 'x' });
    await expect(box.getByText('Saved', { exact: true })).toBeVisible();
    await box.getByRole('button', { name: 'Discard the draft' }).click();
    await expect(page.getByText('The draft was discarded.')).toBeVisible();
    expect(await me.jmap.inRole('drafts')).toHaveLength(0);
    await page
      .getByRole('region', { name: 'Notices' })
      .getByRole('button', { name: 'Undo' })
      .click();
    await expect(composer(page).getByRole('textbox', { name: 'Subject' })).toHaveValue(
      'Away with it',
    );
  });

  test('a forgotten attachment and a missing subject are asked about', async ({ me, signedIn }) => {
    const page = await signedIn(me);
    await open(page);
    const box = await write(page, { to: me.address, text: 'Please see the attached file' });
    await box.getByRole('button', { name: 'Send', exact: true }).click();
    await expect(page.getByText('Send without a subject?')).toBeVisible();
    await page.getByRole('button', { name: 'Send anyway' }).click();
    await expect(page.getByText(/speaks of an attachment/)).toBeVisible();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect(box.getByRole('textbox', { name: 'Message' })).toContainText('attached file');
  });
});
