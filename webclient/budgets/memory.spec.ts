// Opening 200 messages leaves nothing behind.
import type { CDPSession, Page } from '@playwright/test';

import { expect, rows, test } from '../e2e/support/fixtures';
import { within } from './measure';

const MESSAGES = 200;

test('two hundred opened messages', async ({ me, mail, signedIn }) => {
  for (let number = 0; number < MESSAGES; number += 1) {
    const html = `<h1>Number ${number}</h1>${'<p>A paragraph with <b>some</b> words.</p>'.repeat(40)}`;
    await mail(me, { subject: `Number ${number}`, text: 'plain', html });
  }
  const page = await signedIn(me);
  await page.goto('/mail/inbox');
  await expect(rows(page).first()).toBeVisible();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  // The same messages twice in one life of the page: what is kept once of each does not count against it,
  // what stays behind at each opening does.
  await open(page);
  const before = await usage(session);
  await open(page);
  const after = await usage(session);
  const say = (of: Record<string, number>) => JSON.stringify(of);
  console.log(`  before ${say(before)}\n  after  ${say(after)}`);
  within('heap after as part of before', after.heap / before.heap, 1.1);
  within('nodes after as part of before', after.nodes / before.nodes, 1.1);
  within('listeners after as part of before', after.listeners / before.listeners, 1.1);
  within('documents', after.documents, 10); // the page, its frames, and what collects later
});

/** Opens one after the other, and goes back to the list. */
async function open(page: Page): Promise<void> {
  await page.getByRole('grid').press('Home');
  await page.keyboard.press('o');
  for (let number = MESSAGES - 1; number >= 0; number -= 1) {
    await expect(page.frameLocator('iframe').locator('h1')).toHaveText(`Number ${number}`);
    await page.keyboard.press('j');
  }
  await page.keyboard.press('u');
  await expect(page.locator('iframe')).toHaveCount(0);
}

async function usage(session: CDPSession) {
  for (let round = 0; round < 3; round += 1) await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name: string) => metrics.find((each) => each.name === name)?.value ?? Number.NaN;
  return {
    heap: of('JSHeapUsedSize'),
    nodes: of('Nodes'),
    listeners: of('JSEventListeners'),
    documents: of('Documents'),
  };
}
