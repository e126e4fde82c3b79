// A folder of 100,000 conversations: first paint, rows in the document, frames while it scrolls, keys.
import type { Page } from '@playwright/test';

import { expect, rows, test } from '../e2e/support/fixtures';
import { fill } from './folder';
import { installPainted, quantile, report, within } from './measure';
import { frames } from './trace';

const CONVERSATIONS = Number(process.env['CONVERSATIONS'] ?? 100_000);

test('a folder of a great many conversations', async ({ me, server, signedIn }) => {
  await fill(server, me.address, CONVERSATIONS);
  const page = await signedIn(me);
  await installPainted(page);
  await page.goto('/mail/inbox');
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', String(CONVERSATIONS));

  await firstPaint(page);
  await rowsInDocument(page);
  await scrolling(page);
  await keys(page);
});

async function firstPaint(page: Page): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    await page.reload({ waitUntil: 'commit' });
    times.push(
      await page.evaluate(() =>
        window.painted(() => document.querySelector('[role=row] a') !== null),
      ),
    );
    await expect(rows(page).first()).toBeVisible();
  }
  report('from going there to the first rows on the screen', times);
  within('first paint of the folder, median', quantile(times, 0.5), 500);
}

async function rowsInDocument(page: Page): Promise<void> {
  const grid = page.getByRole('grid');
  const counts: number[] = [];
  for (const part of [0, 0.1, 0.5, 0.99, 1]) {
    await grid.evaluate((element, to) => {
      const scroller = element.parentElement;
      scroller?.scrollTo({ top: to * (element.scrollHeight - scroller.clientHeight) });
    }, part);
    await expect(page.locator('[role=row] a').first()).toBeVisible();
    counts.push(await rows(page).count());
  }
  report('rows in the document', counts, 'rows');
  within('rows in the document', Math.max(...counts), 50);
}

async function scrolling(page: Page): Promise<void> {
  const grid = page.getByRole('grid');
  await grid.evaluate((element) => element.parentElement?.scrollTo({ top: 0 }));
  await expect(page.locator('[role=row] a').first()).toBeVisible();
  const box = page.viewportSize();
  await page.mouse.move((box?.width ?? 1000) / 3, (box?.height ?? 800) / 2);
  const found = await frames(page, async () => {
    for (let turn = 0; turn < 240; turn += 1) {
      await page.mouse.wheel(0, turn % 60 < 40 ? 160 : 4000); // reading on, then flying by
      await page.evaluate(() => new Promise((next) => requestAnimationFrame(next)));
    }
  });
  report('work of the main thread per task while scrolling', found.tasks);
  report('frames while scrolling', found.gaps);
  within('longest task while scrolling', Math.max(...found.tasks), 50);
}

async function keys(page: Page): Promise<void> {
  await page.goto('/mail/inbox');
  await expect(rows(page).first()).toBeVisible();
  await rows(page).first().focus();
  const times = { cursor: [] as number[], star: [] as number[], archive: [] as number[] };
  for (let round = 0; round < 25; round += 1) {
    times.cursor.push(await press(page, 'j', 'focus'));
    times.star.push(await press(page, 's', 'star'));
    if (round % 3 === 0) times.archive.push(await press(page, 'e', 'gone'));
  }
  for (const [what, values] of Object.entries(times)) {
    report(`from key to visible change: ${what}`, values);
    within(`key to visible change, p95: ${what}`, quantile(values, 0.95), 50);
  }
}

/** Milliseconds from the key event to the frame that shows what it does to the row that has the focus. */
async function press(page: Page, key: string, until: 'focus' | 'star' | 'gone'): Promise<number> {
  await page.evaluate((change) => {
    const row = document.activeElement?.closest('[role=row]');
    const before = row?.innerHTML;
    const link = row?.querySelector('a')?.getAttribute('href');
    const seen = () => {
      if (change === 'focus') return document.activeElement?.closest('[role=row]') !== row;
      if (change === 'star') return row?.innerHTML !== before;
      return !document.querySelector(`[role=row] a[href="${link}"]`);
    };
    window.measured = new Promise((resolve) => {
      const pressed = (event: KeyboardEvent) =>
        void window.painted(seen).then((at) => resolve(at - event.timeStamp));
      window.addEventListener('keydown', pressed, { capture: true, once: true });
    });
  }, until);
  await page.keyboard.press(key);
  return page.evaluate(() => window.measured);
}
