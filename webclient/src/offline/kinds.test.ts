import { describe, expect, it } from 'vitest';

import type { ListData } from '@/api/list';

import { beginningOf, formOf } from './kinds';

const row = (n: number) => ({ id: `M${n}`, threadId: `T${n}`, generation: 1 });
const list = (rows: (ReturnType<typeof row> | undefined)[]): ListData => ({
  ...{ total: 100_000, queryState: 's', generation: 1 },
  rows: [...rows, ...new Array<undefined>(100_000 - rows.length)],
});

describe('what is kept', () => {
  it('of a list is its beginning, without gaps', () => {
    const kept = beginningOf(list([row(0), row(1), undefined, row(3)]));
    expect([kept.total, kept.rows.map((each) => each?.id), kept.queryState]).toEqual([2, ['M0', 'M1'], '']); // prettier-ignore
    const many = Array.from({ length: 1000 }, (_, n) => row(n));
    expect(beginningOf(list(many)).rows).toHaveLength(300);
    expect(beginningOf({ ...list([]), rows: [row(0)], total: 1 }).total).toBe(1);
  });

  it('is nothing that is too long, nor what is not mail', () => {
    const body = (length: number) => ({
      bodyValues: {
        1: { value: 'x'.repeat(length), isEncodingProblem: false, isTruncated: false },
      },
    });
    expect(formOf('body', body(1000))?.size).toBe(3000);
    expect(formOf('body', body(3_000_000))).toBeNull();
    expect(formOf('admin', {})).toBeNull();
  });
});
