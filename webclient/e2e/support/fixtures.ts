// What every journey begins with: a server, people of one's own, pages on which they are signed in.
import {
  type Browser,
  type BrowserContextOptions,
  expect,
  type Locator,
  type Page,
  test as base,
} from '@playwright/test';

import { Jmap } from './jmap';
import { message, type MessageParts } from './message';
import { PASSWORD, Server } from './server';
import { deliver, SmtpSink } from './smtp';

export interface Person {
  address: string;
  /** Before the @. */
  login: string;
  jmap: Jmap;
}

/** The person's settings, beside those of the browser. */
export type SignInOptions = BrowserContextOptions & { settings?: Record<string, unknown> };

/** Who administers the server. */
export const BOSS = 'boss@local.test';

// Nobody waits for the time in which sending can be undone, but where that is the point.
const SETTINGS = { undoSeconds: 0 };

interface ForWorker {
  /** Whether the server looks at what comes in; most journeys do not want to wait for that. */
  checks: boolean;
  world: { server: Server; sink: SmtpSink };
}

interface ForTest {
  server: Server;
  sink: SmtpSink;
  /** A new account, which nobody else uses. */
  newPerson: () => Person;
  me: Person;
  /** The administrator, whom all tests of a worker share. */
  boss: Person;
  /** A page on which `person` is signed in, in a browser profile of its own. */
  signedIn: (person: Person, options?: SignInOptions) => Promise<Page>;
  /** Mail from outside, by SMTP; resolves to the time of the 250. */
  mail: (to: Person | Person[], parts?: MessageParts & { envelope?: string }) => Promise<number>;
}

export const test = base.extend<ForTest, ForWorker>({
  checks: [false, { option: true, scope: 'worker' }],
  world: [
    async ({ checks }, use, { workerIndex }) => {
      const sink = new SmtpSink();
      const smarthost = await sink.listen();
      const server = await Server.start(`server-${workerIndex}`, {
        accounts: 250,
        smarthost,
        checks,
        arguments: [
          ...['--account', `${BOSS}:${PASSWORD}`, '--admin', BOSS],
          ...['--registration', 'open'],
        ],
      });
      await use({ server, sink });
      await server.stop();
      sink.close();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  server: async ({ world }, use) => use(world.server),
  sink: async ({ world }, use) => use(world.sink),
  baseURL: async ({ world }, use) => use(world.server.url),
  newPerson: async ({ server }, use) => {
    await use(() => {
      const address = server.account();
      const login = address.split('@')[0] ?? '';
      return { address, login, jmap: new Jmap(server.url, address) };
    });
  },
  me: async ({ newPerson }, use) => use(newPerson()),
  boss: async ({ server }, use) =>
    use({ address: BOSS, login: 'boss', jmap: new Jmap(server.url, BOSS) }),
  signedIn: async ({ browser, server, contextOptions }, use) => {
    const pages: Page[] = [];
    await use(async (person, options = {}) => {
      const page = await signIn(browser, server, person.address, { ...contextOptions, ...options });
      pages.push(page);
      return page;
    });
    for (const page of pages) await page.context().close();
  },
  mail: async ({ server }, use) => {
    await use((to, { envelope = 'clara@elsewhere.test', ...parts } = {}) => {
      const all = Array.isArray(to) ? to : [to];
      const addresses = all.map((each) => each.address);
      return deliver(server.smtp, {
        from: envelope,
        to: addresses,
        message: message({ to: addresses.join(', '), ...parts }),
      });
    });
  },
});

/** Signs in by the API, as the page would, without typing. */
export async function signIn(
  browser: Browser,
  server: Server,
  address: string,
  { settings, ...options }: SignInOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ ...options, baseURL: server.url });
  const answer = await context.request.post('/api/v1/session', {
    data: { login: address, password: PASSWORD, remember: true },
  });
  expect(answer.status()).toBe(200);
  const { session } = (await answer.json()) as { session: { csrf: string } };
  const known = await context.request.get('/api/v1/settings');
  const written = await context.request.put('/api/v1/settings', {
    data: { ...((await known.json()) as object), ...SETTINGS, ...settings },
    headers: { 'X-CSRF-Token': session.csrf, 'If-Match': known.headers()['etag'] ?? '' },
  });
  expect(written.ok()).toBe(true);
  return context.newPage();
}

/** The rows of the list that is shown. */
export const rows = (page: Page) => page.getByRole('grid').getByRole('row');
/** The row whose subject has these words. */
export const row = (page: Page, words: string | RegExp) => rows(page).filter({ hasText: words });

/** Opens a folder or another path and waits until its list stands. */
export async function open(page: Page, path = '/mail/inbox'): Promise<void> {
  await page.goto(path);
  await expect(page.getByRole('banner')).toBeVisible();
}

export { expect } from '@playwright/test';

export interface Written {
  to?: string;
  subject?: string;
  text?: string;
}

/** The composer in front. */
export const composer = (page: Page) => page.getByRole('dialog').filter({ hasText: /Send/ }).last();

/** Begins a message and fills it in; nothing is sent. */
export async function write(page: Page, { to, subject, text }: Written): Promise<Locator> {
  await page.getByRole('button', { name: 'Compose' }).first().click();
  const box = composer(page);
  if (to !== undefined) {
    await box.getByRole('combobox', { name: 'To' }).fill(to);
    await box.getByRole('combobox', { name: 'To' }).press('Enter');
  }
  if (subject !== undefined) await box.getByRole('textbox', { name: 'Subject' }).fill(subject);
  if (text !== undefined) await box.getByRole('textbox', { name: 'Message' }).fill(text);
  return box;
}

export async function send(box: Locator): Promise<void> {
  await box.getByRole('button', { name: 'Send', exact: true }).click();
  await expect(box.page().getByText('Sent.')).toBeVisible();
}

/** Opens the conversation with these words in its row. */
export async function read(page: Page, words: string | RegExp): Promise<Locator> {
  await row(page, words).first().click();
  const thread = page.getByRole('region', { name: 'Conversation' });
  await expect(thread.getByRole('article').first()).toBeVisible();
  return thread;
}
