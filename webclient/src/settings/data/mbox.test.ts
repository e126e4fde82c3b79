import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromLine, isMbox, messagesOf, quote, unquote } from './mbox';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

// jsdom's Blob has no arrayBuffer(); this is what is asked of one.
function blob(content: string): Blob {
  const octets = bytes(content);
  const make = (part: Uint8Array): Blob =>
    ({
      size: part.length,
      slice: (from: number, to: number) => make(part.slice(from, to)),
      arrayBuffer: () => Promise.resolve(part.slice().buffer),
    }) as unknown as Blob;
  return make(octets);
}

async function read(content: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { start, end } of messagesOf(blob(content))) {
    found.push(text(unquote(bytes(content).slice(start, end))));
  }
  return found;
}

const FROM = 'From a@b.c Thu Jan  1 00:00:00 1970\n';

describe('mbox', () => {
  it('is told by its first octets', async () => {
    expect(await isMbox(blob(`${FROM}A: b\n\nc\n`))).toBe(true);
    expect(await isMbox(blob('From: a@b.c\n\nc\n'))).toBe(false);
    expect(await isMbox(blob('Fr'))).toBe(false);
  });

  it('gives its messages without the lines between them', async () => {
    expect(await read(`${FROM}A: 1\n\none\n\n${FROM}A: 2\n\ntwo\n`)).toEqual([
      'A: 1\n\none\n',
      'A: 2\n\ntwo\n',
    ]);
  });

  it('takes "From " inside a paragraph for text', async () => {
    expect(await read(`${FROM}A: 1\n\none\nFrom here on\n`)).toHaveLength(1);
  });

  it('works with lines that end in CRLF', async () => {
    const crlf = `${FROM}A: 1\n\none\n\n${FROM}A: 2\n\ntwo\n`.replaceAll('\n', '\r\n');
    expect(await read(crlf)).toEqual(['A: 1\r\n\r\none\r\n', 'A: 2\r\n\r\ntwo\r\n']);
  });

  it('gives nothing for an empty file', async () => {
    expect(await read('')).toEqual([]);
  });

  it('quotes and unquotes lines that look like its own', () => {
    const message = 'A: b\r\n\r\nFrom x\r\n>From y\r\n>>From z\r\nFrom';
    expect(text(quote(bytes(message)))).toBe('A: b\n\n>From x\n>>From y\n>>>From z\nFrom\n');
    expect(text(unquote(quote(bytes(message))))).toBe(`${message.replaceAll('\r\n', '\n')}\n`);
  });

  it('gives back what was written, whatever it was', async () => {
    const line = fc.oneof(
      fc.constantFrom('From ', '>From x', '', ' ', 'From', '>', '>>From ', '\r', 'ä'),
      fc.string({ maxLength: 8 }).map((each) => each.replaceAll(/[\r\n]/g, '')),
    );
    const message = fc.array(line, { minLength: 1, maxLength: 6 }).map((each) => each.join('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 4 }), async (messages) => {
        const written = messages.map((each) => `${FROM}${text(quote(bytes(each)))}\n`).join('');
        const expected = messages.map((each) => text(unquote(quote(bytes(each)))));
        expect(await read(written)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('writes the line before a message as asctime does', () => {
    expect(fromLine('a@b.c', new Date('2026-02-03T04:05:06Z'))).toBe(
      'From a@b.c Tue Feb  3 04:05:06 2026\n',
    );
    expect(fromLine('', new Date('2026-12-13T04:05:06Z'))).toBe(
      'From MAILER-DAEMON Sun Dec 13 04:05:06 2026\n',
    );
  });
});
