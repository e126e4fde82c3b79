// Which rows of a long list stand in its window. All rows are equally high, so that nothing here grows
// with the list: a library that measures each row costs 20 ms a key at 100,000 of them.
import { type RefCallback, useCallback, useLayoutEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';

/** Browsers lay out no element that is higher than some 17 to 33 million pixels. */
const HIGHEST = 12_000_000;
/** Rows beyond the window on both sides, so that a small turn of the wheel shows no gap. */
const OVERSCAN = 6;

/** Where the rows stand. `offset` and `topOf` are in pixels from the list's top. */
export interface Visible {
  first: number;
  last: number;
  /** Height of the element that holds the rows. */
  extent: number;
  /** Where row `index` is put within that element. */
  topOf: (index: number) => number;
}

export interface VisibleRows extends Visible {
  /** The `ref` of the element that scrolls. */
  attach: RefCallback<HTMLElement>;
  scroller: HTMLElement | null;
  /** How far the list was scrolled. */
  offset: () => number;
  scrollTo: (offset: number) => void;
  /** Scrolls no further than it takes to show the whole of row `index`. */
  reveal: (index: number) => void;
}

interface Geometry {
  count: number;
  height: number;
  window: number;
  scrollTop: number;
}

/** How much longer the list is than the element that stands for it; 1 for all but enormous ones. */
function stretch({ count, height, window }: Geometry): number {
  const whole = count * height;
  return whole <= HIGHEST ? 1 : (whole - window) / (HIGHEST - window);
}

/** The rows in the window and about it. */
export function visible(geometry: Geometry): Visible {
  const { count, height, window, scrollTop } = geometry;
  const factor = stretch(geometry);
  const offset = scrollTop * factor;
  const shift = scrollTop - offset;
  const at = (pixels: number) => Math.max(0, Math.min(count - 1, Math.floor(pixels / height)));
  return {
    first: Math.max(0, at(offset) - OVERSCAN),
    last: Math.max(0, Math.min(count - 1, at(offset + window - 1) + OVERSCAN)),
    extent: Math.min(count * height, HIGHEST),
    topOf: (index) => (factor === 1 ? index * height : index * height + shift),
  };
}

export function useVisibleRows(count: number, height: number): VisibleRows {
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const [at, setAt] = useState({ window: 0, scrollTop: 0 });
  const geometry = { count, height, ...at };
  const latest = useRef({ count, height });
  useLayoutEffect(() => {
    latest.current = { count, height };
  }, [count, height]);

  useLayoutEffect(() => {
    if (!scroller) return undefined;
    let shown: string | null = null;
    const look = (render: (update: () => void) => void) => {
      const now = { window: scroller.clientHeight, scrollTop: scroller.scrollTop };
      const found = visible({ ...latest.current, ...now });
      // Rows of a stretched list move with every pixel; others only when one comes or goes.
      const key = `${found.first} ${found.last} ${now.window} ${found.topOf(0)}`;
      if (key === shown) return;
      shown = key;
      render(() => setAt(now));
    };
    const scrolled = () => look(flushSync); // in this frame, not in the next
    const resized = new ResizeObserver(() => look((update) => update()));
    look((update) => update());
    scroller.addEventListener('scroll', scrolled, { passive: true });
    resized.observe(scroller);
    return () => {
      scroller.removeEventListener('scroll', scrolled);
      resized.disconnect();
    };
  }, [scroller, count, height]);

  const factorNow = useCallback(
    () =>
      scroller
        ? stretch({
            ...latest.current,
            window: scroller.clientHeight,
            scrollTop: scroller.scrollTop,
          })
        : 1,
    [scroller],
  );
  const offset = useCallback(() => (scroller?.scrollTop ?? 0) * factorNow(), [scroller, factorNow]);
  const scrollTo = useCallback(
    (to: number) => scroller?.scrollTo({ top: to / factorNow() }),
    [scroller, factorNow],
  );
  const reveal = useCallback(
    (index: number) => {
      if (!scroller) return;
      const top = index * latest.current.height;
      const bottom = top + latest.current.height - scroller.clientHeight;
      if (top < offset()) scrollTo(top);
      else if (bottom > offset()) scrollTo(bottom);
    },
    [scroller, offset, scrollTo],
  );
  return { ...visible(geometry), attach: setScroller, scroller, offset, scrollTo, reveal };
}
