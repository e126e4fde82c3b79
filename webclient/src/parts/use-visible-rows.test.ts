import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { visible } from './use-visible-rows';

const geometries = fc
  .record({
    count: fc.integer({ min: 1, max: 2_000_000 }),
    height: fc.integer({ min: 20, max: 100 }),
    window: fc.integer({ min: 100, max: 3000 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ part, ...of }) => {
    const { extent } = visible({ ...of, scrollTop: 0 });
    return { ...of, scrollTop: Math.round(part * Math.max(0, extent - of.window)) };
  });

describe('visible', () => {
  it('covers the window with rows, few beyond it, however long the list is', () => {
    fc.assert(
      fc.property(geometries, (of) => {
        const { first, last, topOf, extent } = visible(of);
        const end = Math.min(of.scrollTop + of.window, extent);
        expect(topOf(first)).toBeLessThanOrEqual(of.scrollTop + 0.01);
        expect(topOf(last) + of.height).toBeGreaterThanOrEqual(end - 1.01);
        expect(last - first).toBeLessThanOrEqual(Math.ceil(of.window / of.height) + 13);
      }),
    );
  });

  it('ends with the last row at the bottom', () => {
    const of = { count: 1_000_000, height: 68, window: 800, scrollTop: 0 };
    const { extent } = visible(of);
    const { last, topOf } = visible({ ...of, scrollTop: extent - 800 });
    expect(last).toBe(999_999);
    expect(topOf(last) + 68).toBeCloseTo(extent, 3);
  });

  it('has no row before the first', () => {
    expect(visible({ count: 0, height: 68, window: 800, scrollTop: 0 }).extent).toBe(0);
    expect(visible({ count: 3, height: 68, window: 800, scrollTop: 0 })).toMatchObject({
      first: 0,
      last: 2,
    });
  });
});
