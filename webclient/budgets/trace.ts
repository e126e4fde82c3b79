// What Chromium's own trace says of a stretch of time.
import type { CDPSession, Page } from '@playwright/test';

interface TraceEvent {
  name: string;
  ph: string;
  tid: number;
  pid: number;
  /** Microseconds; tdur is time on the processor, dur on the clock. */
  ts: number;
  dur?: number;
  tdur?: number;
  args: { name?: string };
}

/** Milliseconds on the processor of each task of the page's main thread, and from frame to frame. */
export interface Frames {
  tasks: number[];
  gaps: number[];
}

export async function frames(page: Page, during: () => Promise<void>): Promise<Frames> {
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) =>
    events.push(...(value as unknown as TraceEvent[])),
  );
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'devtools.timeline', '__metadata'] },
  });
  const gaps = await intervals(page, during);
  await stopped(session);
  await session.detach();
  const mains = events.filter(
    ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
  );
  const isMain = (event: TraceEvent) =>
    mains.some(({ pid, tid }) => pid === event.pid && tid === event.tid);
  const tasks = events
    .filter((event) => event.ph === 'X' && event.name.endsWith('RunTask') && isMain(event))
    .map((event) => (event.tdur ?? event.dur ?? 0) / 1000);
  return { tasks, gaps };
}

async function intervals(page: Page, during: () => Promise<void>): Promise<number[]> {
  await page.evaluate(() => {
    const gaps: number[] = [];
    let before = performance.now();
    const turn = (now: number) => {
      gaps.push(now - before);
      before = now;
      if (window.frameGaps) requestAnimationFrame(turn);
    };
    window.frameGaps = gaps;
    requestAnimationFrame(turn);
  });
  await during();
  return page.evaluate(() => {
    const gaps = window.frameGaps ?? [];
    window.frameGaps = null;
    return gaps.slice(1);
  });
}

async function stopped(session: CDPSession): Promise<void> {
  const done = new Promise<void>((resolve) =>
    session.once('Tracing.tracingComplete', () => resolve()),
  );
  await session.send('Tracing.end');
  await done;
}

declare global {
  interface Window {
    frameGaps: number[] | null;
  }
}
