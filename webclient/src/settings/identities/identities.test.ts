import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { htmlOf, readAddresses, writeAddresses } from './identities';

describe('a signature', () => {
  it('becomes HTML with its letters as they are and its lines as lines', () => {
    expect(htmlOf('A & <b>\n"x"')).toBe('<div>A &amp; &lt;b&gt;<br>&quot;x&quot;</div>');
    expect(htmlOf('')).toBe('');
  });

  it('shows the same text, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const page = new DOMParser().parseFromString(htmlOf(text), 'text/html');
        for (const br of page.querySelectorAll('br')) br.replaceWith('\n');
        // The parser makes other line ends and U+0000 into what HTML has for them.
        const plain = (one: string) => one.replaceAll(/[\r\u0000\ufffd]/g, '');
        expect(plain(page.body.textContent)).toBe(plain(text));
        expect(page.body.querySelectorAll('div *').length).toBe(0);
      }),
    );
  });
});

describe('a list of addresses', () => {
  it('is read with names and without', () => {
    expect(readAddresses('a@b.c, "D E" <d@e.f>; G <g@h.i>')).toEqual([
      { name: null, email: 'a@b.c' },
      { name: 'D E', email: 'd@e.f' },
      { name: 'G', email: 'g@h.i' },
    ]);
  });

  it('is none where one of them is none', () => {
    expect(readAddresses('a@b.c, d')).toBeNull();
    expect(readAddresses('a@b@c')).toBeNull();
    expect(readAddresses('<>')).toBeNull();
  });

  it('is written as it is read', () => {
    const text = 'a@b.c, D E <d@e.f>';
    expect(writeAddresses(readAddresses(text))).toBe(text);
    expect(writeAddresses(null)).toBe('');
    expect(readAddresses(' ')).toEqual([]);
  });
});
