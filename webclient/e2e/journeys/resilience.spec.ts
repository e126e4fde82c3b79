// Scenario 19: limits, two tabs, a server that goes away and comes back, a network that is gone.
import { expect, open, row, rows, send, signIn, test, write } from '../support/fixtures';
import { message } from '../support/message';
import { Server } from '../support/server';
import { deliver } from '../support/smtp';

test('two tabs show the same, at once', async ({ me, mail, signedIn }) => {
  const one = await signedIn(me);
  const two = await one.context().newPage();
  await open(one);
  await open(two);
  await mail(me, { subject: 'For both tabs' });
  await expect(row(one, 'For both tabs')).toBeVisible();
  await expect(row(two, 'For both tabs')).toBeVisible();
  await row(one, 'For both tabs').hover();
  await row(one, 'For both tabs').getByRole('button', { name: 'Mark as read' }).click();
  await expect(row(two, 'For both tabs')).not.toContainText('Unread.');
  await row(two, 'For both tabs').hover();
  await row(two, 'For both tabs').getByRole('button', { name: 'Archive' }).click();
  await expect(rows(one)).toHaveCount(0);
});

test('more mail than an hour allows is refused with the reason, and nothing is lost', async ({
  me,
  newPerson,
  server,
  signedIn,
}) => {
  const you = newPerson();
  await server.command('account', 'set', me.address, '--sends-per-hour', '1');
  const page = await signedIn(me);
  await open(page);
  await send(await write(page, { to: you.address, subject: 'Within', text: 'x' }));
  const box = await write(page, { to: you.address, subject: 'Beyond', text: 'Kept all the same' });
  await box.getByRole('button', { name: 'Send', exact: true }).click();
  await expect(box.getByRole('alert')).toContainText(/Not sent: .+/);
  await expect(box.getByRole('textbox', { name: 'Message' })).toContainText('Kept all the same');
  expect(await you.jmap.emails({ subject: 'Beyond' })).toHaveLength(0);
});

test('without a network one is told, loses nothing, and catches up afterwards', async ({
  me,
  mail,
  signedIn,
}) => {
  const page = await signedIn(me);
  await open(page);
  await expect(page.getByText('Nothing here')).toBeVisible();
  const box = await write(page, { subject: 'On the train', text: 'Begun' });
  await page.context().setOffline(true);
  await expect(page.getByText(/You are offline/)).toBeVisible();
  await box.getByRole('textbox', { name: 'Message' }).pressSequentially(' and gone on');
  await expect(box.getByText(/Offline: kept in this browser/)).toBeVisible();
  await mail(me, { subject: 'Came meanwhile' });
  await page.context().setOffline(false);
  await expect(page.getByText(/You are offline/)).toHaveCount(0, { timeout: 40_000 });
  await expect(row(page, 'Came meanwhile')).toBeVisible();
  await expect(box.getByText('Saved', { exact: true })).toBeVisible({ timeout: 40_000 });
  const [draft] = await me.jmap.inRole('drafts');
  expect(JSON.stringify(draft?.['bodyValues'])).toContain('Begun and gone on');
});

test('a server that restarts is found again, with what came meanwhile', async ({ browser }) => {
  const server = await Server.start('restart', { fixedPorts: true });
  try {
    const me = server.account();
    const page = await signIn(browser, server, me);
    await open(page);
    await expect(page.getByText('Nothing here')).toBeVisible();
    await server.restart(async () => {
      await expect(page.getByText(/You are offline/)).toBeVisible({ timeout: 20_000 });
    });
    await deliver(server.smtp, {
      from: 'clara@elsewhere.test',
      to: [me],
      message: message({ subject: 'After the restart' }),
    });
    await page
      .getByRole('button', { name: 'Connect now' })
      .click()
      .catch(() => undefined);
    await expect(row(page, 'After the restart')).toBeVisible({ timeout: 40_000 });
    await expect(page.getByText(/You are offline/)).toHaveCount(0);
    await page.context().close();
  } finally {
    await server.stop();
  }
});

test('where sockets are forbidden, changes come as events', async ({ me, mail, signedIn }) => {
  const page = await signedIn(me);
  await page.routeWebSocket('**/jmap/ws', (socket) => void socket.close());
  await page.addInitScript(() => {
    // A proxy that knows no upgrade: the handshake fails.
    class Refused extends EventTarget {
      static readonly OPEN = 1;
      readyState = 3;
      onclose: (() => void) | null = null;
      constructor() {
        super();
        setTimeout(() => this.onclose?.(), 5);
      }
      send(): void {
        throw new Error('closed');
      }
      close(): void {
        this.readyState = 3;
      }
    }
    Object.assign(window, { WebSocket: Refused });
  });
  await open(page);
  await expect(page.getByText('Nothing here')).toBeVisible();
  await page.waitForRequest(/jmap\/eventsource/, { timeout: 20_000 });
  await mail(me, { subject: 'By event stream' });
  await expect(row(page, 'By event stream')).toBeVisible();
});
