// What every journey begins with: a server, people of one's own, pages on which they are signed in.
import {
  type Browser,
  type BrowserContextOptions,
  expect,
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

interface ForWorker {
  world: { server: Server; sink: SmtpSink };
}

interface ForTest {
  server: Server;
  sink: SmtpSink;
  /** A new account, which nobody else uses. */
  newPerson: () => Person;
  me: Person;
  /** A page on which `person` is signed in, in a browser profile of its own. */
  signedIn: (person: Person, options?: BrowserContextOptions) => Promise<Page>;
  /** Mail from outside, by SMTP; resolves to the time of the 250. */
  mail: (to: Person | Person[], parts?: MessageParts) => Promise<number>;
}

export const test = base.extend<ForTest, ForWorker>({
  world: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the pattern
    async ({}, use, { workerIndex }) => {
      const sink = new SmtpSink();
      const smarthost = await sink.listen();
      const server = await Server.start(`server-${workerIndex}`, { accounts: 250, smarthost });
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
    await use((to, parts = {}) => {
      const all = Array.isArray(to) ? to : [to];
      const addresses = all.map((each) => each.address);
      return deliver(server.smtp, {
        from: 'clara@elsewhere.test',
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
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ ...options, baseURL: server.url });
  const answer = await context.request.post('/api/v1/session', {
    data: { login: address, password: PASSWORD, remember: true },
  });
  expect(answer.status()).toBe(200);
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
