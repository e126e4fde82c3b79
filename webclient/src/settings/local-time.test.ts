import { describe, expect, it } from 'vitest';

import { fromLocal, toLocal } from './local-time';

describe('local time', () => {
  it('comes back as it was written, to the minute', () => {
    expect(toLocal(fromLocal('2026-12-01T08:30'))).toBe('2026-12-01T08:30');
    expect(fromLocal(toLocal('2026-07-01T08:30:00Z'))).toBe('2026-07-01T08:30:00Z');
  });

  it('has no fractions of seconds', () => {
    expect(fromLocal('2026-12-01T08:30')).toMatch(/:00Z$/);
  });

  it('is nothing for nothing', () => {
    expect(toLocal(null)).toBe('');
    expect(fromLocal('')).toBeNull();
  });
});
