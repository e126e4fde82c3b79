import { describe, expect, it } from 'vitest';

import { cleanCss } from './css';
import { linkify, misleads, neutral } from './links';
import { blocksOf } from './plain';
import { clean } from './purify';

const options = {
  cid: new Map([['logo@x', '/jmap/download/A1/B1/logo.png?type=image%2Fpng']]),
  images: new Map<string, string>(),
};
const cleaned = (html: string, images = options.images) => clean(html, { ...options, images });

describe('cleaning HTML', () => {
  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg onload=alert(1)><script>alert(1)</script></svg>',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<a href="javascript:alert(1)">x</a>',
    '<a href=" java\nscript:alert(1)">x</a>',
    '<form action="https://evil.test"><input name=password><button>go</button></form>',
    '<base href="https://evil.test/"><link rel=stylesheet href="https://evil.test/x.css">',
    '<meta http-equiv=refresh content="0;url=https://evil.test">',
    '<object data="https://evil.test"></object><embed src="https://evil.test">',
  ])('leaves nothing that runs, sends or redirects: %s', (html) => {
    const { body } = cleaned(html);
    expect(
      body.querySelector('script,svg,math,iframe,form,input,button,base,link,meta,object,embed'),
    ).toBeNull();
    expect(body.innerHTML).not.toMatch(/\son\w+=|javascript:|srcdoc/i);
  });

  it.each([
    ['<img src="https://t.test/a.png">', 1],
    ['<img srcset="https://t.test/a.png 1x, https://t.test/b.png 2x">', 2],
    ['<table background="https://t.test/a.png"><tr><td>x</td></tr></table>', 1],
    ['<p style="background:url(https://t.test/a.png)">x</p>', 1],
    ['<p style="background:\\75rl(https://t.test/a.png)">x</p>', 1],
    ['<style>p{list-style-image:url("https://t.test/a.png")}</style><p>x</p>', 1],
    ['<img src="//t.test/a.png">', 1],
  ])('blocks and counts what is remote: %s', (html, count) => {
    const found = cleaned(html);
    expect(found.blocked).toBe(count);
    expect(found.body.innerHTML + found.styles.join('')).not.toContain('t.test');
  });

  it('loads through the proxy what the person allowed', () => {
    const images = new Map([['https://t.test/a.png', '/api/v1/image?url=x&sig=y']]);
    const found = cleaned('<img src="https://t.test/a.png">', images);
    expect(found.body.querySelector('img')?.getAttribute('src')).toBe('/api/v1/image?url=x&sig=y');
    expect(found.blocked).toBe(0);
  });

  it('resolves cid: to the part, and never leaves an address of our own that the mail named', () => {
    const found = cleaned('<img src="cid:logo@x"><img src="/api/v1/session"><img src="cid:other">');
    const [first, second, third] = found.body.querySelectorAll('img');
    expect(first?.getAttribute('src')).toContain('/jmap/download/A1/B1/');
    expect(second?.hasAttribute('src')).toBe(false);
    expect(third?.hasAttribute('src')).toBe(false);
    expect(found.usedCids.has('logo@x')).toBe(true);
  });

  it('keeps the attributes that old markup is laid out with', () => {
    const html =
      '<table width="600" align="center" bgcolor="#eeeeee" cellpadding="0" border="0"><tbody><tr><td colspan="2" ' +
      'valign="top" height="20" dir="rtl" lang="ar"><font color="red" face="Georgia" size="2">x</font></td></tr></tbody></table>' +
      '<ol start="3" type="a"><li>x</li></ol><blockquote type="cite">x</blockquote>';
    const names = (of: ParentNode) =>
      [...of.querySelectorAll('*')].flatMap((each) => each.getAttributeNames().sort());
    const wanted = new DOMParser().parseFromString(html, 'text/html').body;
    expect(names(cleaned(html).body)).toEqual(names(wanted));
  });

  it('shows the beginning of what is too much to lay out', () => {
    const found = cleaned('<p>word</p>'.repeat(20_000));
    expect(found.cut).toBe(true);
    expect(found.body.childElementCount).toBe(12_000);
    expect(cleaned('<p>word</p>').cut).toBe(false);
  });

  it('opens links elsewhere, without a referrer', () => {
    const link = cleaned('<a href="https://x.test/" target=_top>x</a>').body.querySelector('a');
    expect(link?.getAttribute('target')).toBe('_blank');
    expect(link?.getAttribute('rel')).toBe('noopener noreferrer');
  });
});

describe('cleaning styles', () => {
  it('takes out what names addresses without url()', () => {
    const css = cleanCss(
      '@import "https://t.test/x.css"; a{background:image-set("https://t.test/a" 1x)}',
      () => null,
    );
    expect(css).not.toMatch(/@import|image-set/);
  });
});

describe('links and names', () => {
  it('finds addresses and leaves the sentence its signs', () => {
    expect(linkify('See (https://x.test/a_(b)), or a@b.test.').map((each) => each.text)).toEqual([
      'See (',
      'https://x.test/a_(b)',
      '), or ',
      'a@b.test',
      '.',
    ]);
  });

  it('sees a text that names another host', () => {
    expect(misleads('https://bank.test/login', 'https://evil.test/')).toEqual({
      shown: 'bank.test',
      host: 'evil.test',
    });
    expect(misleads('bank.test', 'https://www.bank.test/x')).toBeNull();
    expect(misleads('click here', 'https://evil.test/')).toBeNull();
  });

  it('takes turning and hidden letters out of names', () => {
    expect(neutral('\u202egnp.exe\u200b')).toBe('gnp.exe');
  });
});

describe('plain text', () => {
  it('folds a quote at the end, and not one that is answered', () => {
    const folded = (text: string) => blocksOf(text).blocks.map((block) => block.folded);
    expect(folded('Yes.\n\n> Shall we?\n>> Or not\n\n-- \nBob')).toEqual([false, true, false]);
    expect(folded('> Shall we?\nYes.')).toEqual([false, false]);
  });
});
