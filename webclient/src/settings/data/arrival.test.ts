import { describe, expect, it } from 'vitest';

import { arrivalOf } from './arrival';

// jsdom's Blob has no text(); this is what is asked of one.
const blob = (content: string) =>
  ({ slice: () => ({ text: () => Promise.resolve(content) }) }) as unknown as Blob;

describe('the time of arrival of an imported message', () => {
  it('is that of its Date field', async () => {
    expect(
      await arrivalOf(blob('A: b\r\nDate: Mon, 2 Feb 2015 10:00:07 +0100 (CET)\r\n\r\n')),
    ).toBe('2015-02-02T09:00:07Z');
  });

  it('reads a folded field', async () => {
    expect(await arrivalOf(blob('Date: Mon, 2 Feb 2015\n 10:00:07 +0000\nA: b\n\n'))).toBe(
      '2015-02-02T10:00:07Z',
    );
  });

  it('is left to the server where there is a Received field', async () => {
    const text =
      'Received: from a by b; Mon, 2 Feb 2015 10:00:07 +0000\nDate: 1 Jan 2000 00:00 Z\n\n';
    expect(await arrivalOf(blob(text))).toBeUndefined();
  });

  it('is left to the server where the field is none, is in the body, or lies ahead', async () => {
    expect(await arrivalOf(blob('Date: soon\n\n'))).toBeUndefined();
    expect(await arrivalOf(blob('A: b\n\nDate: 1 Jan 2000 00:00:00 +0000\n'))).toBeUndefined();
    expect(await arrivalOf(blob('Date: 1 Jan 9000 00:00:00 +0000\n\n'))).toBeUndefined();
  });
});
