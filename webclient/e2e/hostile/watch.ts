// What hostile messages achieved on a page.
import type { Frame, Page, Request } from '@playwright/test';

import { expect, test as base } from '../support/fixtures';
import { Canary, CONNECTION } from './canary';

export const test = base.extend<{ canary: Canary }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the pattern
  canary: async ({}, use) => {
    const canary = new Canary();
    await canary.listen();
    await use(canary);
    canary.close();
  },
});

export interface Watch {
  /** Fails when anything ran or left. What is switched off here is another layer's business. */
  expectNothing: (
    of: string,
    what?: { scripts?: boolean; requests?: boolean; connections?: boolean },
  ) => Promise<void>;
}

/** `own` is the origin of the server: whatever else is asked is asked by the message. */
export function watch(page: Page, canary: Canary, own: string): Watch {
  const dialogs: string[] = [];
  const strangers: Request[] = [];
  const popups: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('popup', (popup) => popups.push(popup.url()));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.origin !== own) strangers.push(request);
  });
  return {
    expectNothing: async (of, { scripts = true, requests = true, connections = true } = {}) => {
      await settled(page);
      if (scripts) {
        const marks = await Promise.all(page.frames().map(pwned));
        expect(marks.flat(), `${of}: scripts that ran`).toEqual([]);
        expect(dialogs, `${of}: dialogs of scripts`).toEqual([]);
      }
      if (!requests) return;
      const asked = canary.asked.filter((each) => connections || each !== CONNECTION);
      expect(asked, `${of}: requests that left`).toEqual([]);
      // What the browser forbids is seen here as well; it fails before it reaches anybody.
      const left = strangers.filter((each) => each.failure() === null);
      expect(
        left.map((each) => each.url()),
        `${of}: requests to others`,
      ).toEqual([]);
      expect(popups, `${of}: windows that opened`).toEqual([]);
    },
  };
}

/**
 * What was begun has happened: timers and moves of a moment's length ran, and a request that was made after
 * all of the message's was answered.
 */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise((resolve) => setTimeout(resolve, 250));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    await fetch('/icon.svg', { cache: 'no-store' });
  });
}

async function pwned(frame: Frame): Promise<string[]> {
  return frame
    .evaluate(() => (window as unknown as { pwned?: string[] }).pwned ?? [])
    .catch(() => []); // a frame that is gone
}
