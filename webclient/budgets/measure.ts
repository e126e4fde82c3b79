// Numbers of a run, held against their budgets.
import { expect, type Page } from '@playwright/test';

/** The value below which `part` (0 to 1) of them lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.max(0, Math.ceil(sorted.length * part) - 1);
  return sorted[Math.min(sorted.length - 1, at)] ?? Number.NaN;
}

export function report(what: string, values: readonly number[], unit = 'ms'): void {
  const shown = [0.5, 0.95, 1].map((part) => quantile(values, part).toFixed(1));
  console.log(
    `  ${what}: p50 ${shown[0]}, p95 ${shown[1]}, worst ${shown[2]} ${unit} of ${values.length}`,
  );
}

export function within(what: string, value: number, budget: number): void {
  expect.soft(value, what).toBeLessThan(budget);
}

/**
 * In the page: resolves to the time (of performance.now()) at which the first frame in which `seen` holds
 * was handed to the screen. Looks again at every change of the document.
 */
export async function installPainted(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const afterPaint = (then: () => void) =>
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = then;
        port2.postMessage(null);
      });
    window.painted = (seen) =>
      new Promise((resolve) => {
        const look = () => {
          if (!seen()) return false;
          observer.disconnect();
          afterPaint(() => resolve(performance.now()));
          return true;
        };
        const observer = new MutationObserver(look);
        if (!look()) {
          observer.observe(document, {
            subtree: true,
            childList: true,
            attributes: true,
            characterData: true,
          });
        }
      });
  });
}

declare global {
  interface Window {
    painted: (seen: () => boolean) => Promise<number>;
    measured: Promise<number>;
  }
}
