import { describe, expect, it } from 'vitest';

import {
  htmlToText,
  quotedText,
  safeHtml,
  splitQuote,
  textToHtml,
  outgoing,
  withQuote,
} from './html';
import { swapHtml, swapText } from './signature';

describe('plain text of markup', () => {
  it('keeps lines, lists and quotes', () => {
    const html = '<p>One</p><p>Two<br>lines</p><ul><li><p>a</p></li><li>b</li></ul><blockquote><p>said</p><blockquote>deep</blockquote></blockquote>'; // prettier-ignore
    expect(htmlToText(html)).toBe('One\nTwo\nlines\n- a\n- b\n> said\n> > deep');
  });

  it('comes back from text unharmed', () => {
    const text = 'a < b & "c"\nnext';
    expect(htmlToText(textToHtml(text)).replace(/\n+/g, '\n')).toBe(text);
  });

  it('quotes quotes', () => {
    expect(quotedText('a\n> b\n\nc\n')).toBe('> a\n>> b\n>\n> c');
  });
});

describe('quoted markup', () => {
  it('is cleaned, and keeps pictures from elsewhere for the recipient', () => {
    const safe = safeHtml(
      '<img src="https://x.example/a.png" onerror="alert(1)"><script>alert(2)</script><img src="cid:p">',
      new Map([['p', '/jmap/download/A1/B1/p.png?type=image%2Fpng']]),
    );
    expect(safe).toContain('https://x.example/a.png');
    expect(safe).toContain('/jmap/download/A1/B1/p.png');
    expect(safe).not.toMatch(/script|onerror/);
  });

  it('is found again in a draft', () => {
    const joined = withQuote('<p>own</p>', '<p>theirs</p>');
    expect(splitQuote(joined)).toEqual({ html: '<p>own</p>', quote: '<p>theirs</p>' });
    expect(splitQuote('<p>own</p>').quote).toBeNull();
  });

  it('goes out with cid addresses, and lines as close as they were seen', () => {
    const address = '/jmap/download/A1/B1/p.png?type=image%2Fpng';
    const image = `<img src="${address}">`;
    const sent = outgoing(`<p>${image}</p><p></p>`, image, new Map([[address, 'c@x']]));
    const cid = '<img src="cid:c@x">';
    expect(sent.replaceAll(/ style="[^"]*"/g, '')).toBe(
      `<p>${cid}</p><p><br></p><div class="mailsys_quote">${cid}</div>`,
    );
    expect(sent).toMatch(/<p style="margin: 0(px)?;">/);
  });
});

describe('a signature', () => {
  it('is put at the end and exchanged with the identity', () => {
    expect(swapText('Hi', '', '-- \nA')).toBe('Hi\n\n-- \nA');
    expect(swapText('Hi\n\n-- \nA', '-- \nA', '-- \nB')).toBe('Hi\n\n-- \nB');
    expect(swapHtml('<p>Hi</p><p>--</p><p>A<br>x</p>', '-- \nA\nx', '<p>B</p>')).toBe(
      '<p>Hi</p><p>B</p>',
    );
  });

  it('that was edited is left alone', () => {
    expect(swapHtml('<p>Hi</p><p>--</p><p>A, PS</p>', '-- \nA', '<p>B</p>')).toBe(
      '<p>Hi</p><p>--</p><p>A, PS</p>',
    );
    expect(swapText('Hi', '-- \nA', '-- \nB')).toBe('Hi');
  });
});
