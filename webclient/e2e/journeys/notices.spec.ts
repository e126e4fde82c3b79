// Told of new mail while one looks elsewhere: by a push to the closed page, by marks on tab and app.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Page, Worker } from '@playwright/test';

import { expect, open, row, test } from '../support/fixtures';

/** The page's worker, and how one pushes to it as the browser's push service would. */
async function pushing(page: Page, origin: string) {
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const worker: Worker =
    page.context().serviceWorkers()[0] ?? (await page.context().waitForEvent('serviceworker'));
  const devtools = await page.context().newCDPSession(page);
  const registration = new Promise<string>((resolve) => {
    devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const [first] = registrations;
      if (first) resolve(first.registrationId);
    });
  });
  await devtools.send('ServiceWorker.enable');
  const registrationId = await registration;
  const push = (data: string) =>
    devtools.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data });
  return { worker, push };
}

test('a push to a closed page tells who wrote about what, once', async ({
  me,
  mail,
  server,
  signedIn,
}) => {
  const page = await signedIn(me, { serviceWorkers: 'allow', permissions: ['notifications'] });
  await open(page);
  const { worker, push } = await pushing(page, server.url);
  const notices = () =>
    worker.evaluate(async () => {
      const { registration: own } = globalThis as unknown as {
        registration: ServiceWorkerRegistration;
      };
      const all = await own.getNotifications();
      return all.map(({ title, body, data }) => ({ title, body, path: (data as { path: string }).path })); // prettier-ignore
    });
  await page.goto('about:blank');
  await mail(me, { subject: 'While you were away', text: 'x' });
  const change = JSON.stringify({ '@type': 'StateChange', changed: { A: { EmailDelivery: '1' } } }); // prettier-ignore
  await push(change);
  const said = { title: 'Clara Fremd', body: 'While you were away' };
  await expect.poll(notices).toMatchObject([said]);
  expect((await notices())[0]?.path).toMatch(/^\/mail\/inbox\/.+/);
  await worker.evaluate(async () => {
    const { registration: own } = globalThis as unknown as {
      registration: ServiceWorkerRegistration;
    };
    for (const each of await own.getNotifications()) each.close();
  });
  await push(change);
  await mail(me, { subject: 'Another one', text: 'x' });
  await push(change);
  await expect
    .poll(async () => (await notices()).map((each) => each.body))
    .toEqual(['Another one']);
});

test('the worker repeats the code by which the server knows that pushes arrive', async ({
  me,
  server,
  signedIn,
}) => {
  const heard: string[] = [];
  const service = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      heard.push(body);
      response.writeHead(201).end();
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/`;
    const page = await signedIn(me, { serviceWorkers: 'allow' });
    await open(page);
    const { push } = await pushing(page, server.url);
    const call = (name: string, args: unknown) =>
      page.evaluate(
        async ([method, given]) => {
          const { csrf } = (await (await fetch('/api/v1/session')).json()) as { csrf: string };
          const answer = await fetch('/jmap/api', {
            method: 'POST',
            headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
            body: JSON.stringify({
              using: ['urn:ietf:params:jmap:core'],
              methodCalls: [[method, given, '0']],
            }),
          });
          return JSON.stringify(await answer.json());
        },
        [name, args] as const,
      );
    await call('PushSubscription/set', { create: { a: { deviceClientId: 'here', url } } });
    await expect.poll(() => heard.length).toBe(1);
    expect(await call('PushSubscription/get', { ids: null })).toContain('"verificationCode":null');
    await push(heard[0] ?? '');
    await expect
      .poll(() => call('PushSubscription/get', { ids: null }))
      .toMatch(/"verificationCode":"\w+"/);
  } finally {
    service.close();
  }
});

test('unread mail is marked on the tab, and no more once it is read', async ({
  me,
  mail,
  signedIn,
}) => {
  const page = await signedIn(me);
  await page.addInitScript(() => {
    const badges: number[] = [];
    Object.assign(window, { badges });
    Object.assign(navigator, {
      setAppBadge: (count: number) => {
        badges.push(count);
        return Promise.resolve();
      },
    });
  });
  await open(page);
  const icon = page.locator('link[rel="icon"]');
  await expect(icon).toHaveAttribute('href', '/icon.svg');
  await mail(me, { subject: 'Unread for now' });
  await expect(icon).toHaveAttribute('href', '/icon-unread.svg');
  await expect(page).toHaveTitle(/^\(1\) Inbox/);
  await row(page, 'Unread for now').hover();
  await row(page, 'Unread for now').getByRole('button', { name: 'Mark as read' }).click();
  await expect(icon).toHaveAttribute('href', '/icon.svg');
  await expect(page).toHaveTitle(/^Inbox/);
  expect(await page.evaluate(() => (window as unknown as { badges: number[] }).badges)).toEqual([0, 1, 0]); // prettier-ignore
});
