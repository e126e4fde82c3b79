// What Chromium itself says of names that it asked for and connections that it made: nothing of it can be
// seen from a page (dns-prefetch, preconnect, prefetch, speculation rules).
import { readFile } from 'node:fs/promises';

import { chromium, type Page } from '@playwright/test';

import { CHROMIUM, FLAGS } from '../support/chromium';
import { expect, open, read, row, signIn, test } from '../support/fixtures';
import { CORPUS } from './corpus';
import { only, putRaw } from './layers';

const ELSEWHERE = 'leak.canary.test';
const HARMLESS = { subject: 'Harmless', html: '<p>Nothing to see</p>' };

for (const layers of ['all', 'none'] as const) {
  test(`with ${layers} of the layers, names of elsewhere are ${layers === 'all' ? 'never' : 'indeed'} looked up`, async ({
    mail,
    me,
    server,
  }) => {
    for (const { name, html } of CORPUS) {
      await mail(me, {
        subject: `Hostile ${name}`,
        html: `<p>Words before.</p>${html(`http://${ELSEWHERE}`)}`,
      });
    }
    await mail(me, HARMLESS);
    const log = test.info().outputPath('network.json');
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [...FLAGS, `--log-net-log=${log}`],
    });
    const page = await signIn(browser, server, me.address, { locale: 'en-US' });
    if (layers === 'all') await readAll(page);
    else await readWithout(page);
    await page.context().close();
    await browser.close(); // which ends the log
    const { events } = JSON.parse(await readFile(log, 'utf8')) as { events: unknown[] };
    const about = (words: string) =>
      events.map((each) => JSON.stringify(each)).filter((each) => each.includes(words));
    expect(about(new URL(server.url).host)).not.toEqual([]);
    if (layers === 'all') expect(about(ELSEWHERE)).toEqual([]);
    else expect(about(ELSEWHERE)).not.toEqual([]);
  });
}

async function readAll(page: Page): Promise<void> {
  await open(page);
  for (const { name } of CORPUS) {
    await read(page, `Hostile ${name}`);
    await expect(page.locator('iframe').contentFrame().getByText('Words before.')).toBeAttached();
  }
}

async function readWithout(page: Page): Promise<void> {
  await only(page, { framePolicy: false, sandbox: false, pagePolicy: false });
  page.on('dialog', (dialog) => void dialog.dismiss());
  await open(page);
  await read(page, 'Harmless');
  await expect(row(page, 'Harmless')).not.toContainText('Unread.');
  await expect(page.locator('iframe').contentFrame().getByText('Nothing to see')).toBeAttached();
  const asked = page.waitForRequest((request) => request.url().includes(ELSEWHERE));
  const { html } = CORPUS.find((each) => each.name === 'loads') ?? { html: () => '' };
  await putRaw(page, html(`http://${ELSEWHERE}`), 'frame');
  await asked;
}
