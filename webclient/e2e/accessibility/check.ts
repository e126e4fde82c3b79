// A view at three widths and in both themes: what axe finds, and whether one would have to scroll sideways.
import type { Page } from '@playwright/test';
import axe from 'axe-core';

import { expect } from '../support/fixtures';

export const WIDTHS = [1440, 820, 360] as const;

/** Brings the page to the view at this width; it is the same page all the time. */
export type Bring = (page: Page, width: number) => Promise<void>;

export async function check(page: Page, name: string, bring: Bring): Promise<void> {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
    await bring(page, width);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await expect(page.locator('html')).toHaveAttribute('data-theme', colorScheme);
      await twoFrames(page); // even the shortest transition ends with a frame
      // The dark theme changes colours and nothing else.
      const found = await violations(page, colorScheme === 'dark' ? COLOURS : undefined);
      expect(found, `${name}, ${width} px, ${colorScheme}`).toEqual([]);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide, `${name} is wider than its ${width} px`).toBeLessThanOrEqual(width);
  }
}

const twoFrames = (page: Page) =>
  page.evaluate(
    () => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))),
  );

const COLOURS = ['color-contrast', 'link-in-text-block'];

/** One line for each: the rule, the element, what is wrong. Within mail's own frames nobody looks. */
async function violations(page: Page, rules?: string[]): Promise<string[]> {
  // Once for each document: it is half a megabyte.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  const found = await page.evaluate(
    (only) =>
      (window as unknown as { axe: typeof axe }).axe.run(document, {
        iframes: false,
        resultTypes: ['violations'],
        ...(only ? { runOnly: only } : {}),
      }),
    rules,
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes
      .filter((node) => id !== 'region' || !between(node.html))
      .map((node) => `${id}: ${node.html.slice(0, 300)} ${node.any[0]?.message ?? ''}`),
  );
}

/** A menu lies above the page, and a splitter between two landmarks: neither is part of one. */
const between = (html: string): boolean =>
  /^<div (data-radix-popper-content-wrapper|data-radix-popper-co|role="separator")/.test(html);
