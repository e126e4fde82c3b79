import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { snoozeTimes, utcDate } from './times';

const ids = (now: Date) => snoozeTimes(now).map((each) => each.id);

describe('times to snooze until', () => {
  it('are those that make sense on a Tuesday morning', () => {
    const found = snoozeTimes(new Date(2026, 10, 24, 9, 20));
    expect(found).toEqual([
      { id: 'later', at: new Date(2026, 10, 24, 13) },
      { id: 'evening', at: new Date(2026, 10, 24, 18) },
      { id: 'tomorrow', at: new Date(2026, 10, 25, 8) },
      { id: 'weekend', at: new Date(2026, 10, 28, 8) },
      { id: 'next-week', at: new Date(2026, 10, 30, 8) },
    ]);
  });

  it('leave out what is over, or is another by a different name', () => {
    expect(ids(new Date(2026, 10, 24, 23, 30))).toEqual(['tomorrow', 'weekend', 'next-week']);
    expect(ids(new Date(2026, 10, 27, 17, 30))).toEqual(['later', 'tomorrow', 'next-week']); // Friday
    expect(ids(new Date(2026, 10, 28, 9))).toEqual(['later', 'evening', 'tomorrow', 'next-week']);
    expect(ids(new Date(2026, 10, 29, 9))).toEqual(['later', 'evening', 'tomorrow']); // Sunday
  });

  it('are ahead, in order, each another one, whenever it is', () => {
    const day = fc.date({ min: new Date(2020, 0), max: new Date(2040, 0), noInvalidDate: true });
    fc.assert(
      fc.property(day, (now) => {
        const found = snoozeTimes(now).map((each) => each.at.getTime());
        expect(found.every((time) => time > now.getTime())).toBe(true);
        expect([...new Set(found)].sort((a, b) => a - b)).toEqual(found);
        expect(found.length).toBeGreaterThan(0);
      }),
    );
  });

  it('are written as the server reads them', () => {
    expect(utcDate(new Date('2026-11-24T08:00:00.123Z'))).toBe('2026-11-24T08:00:00Z');
  });
});
