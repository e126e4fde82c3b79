import { parse } from '@formatjs/icu-messageformat-parser';
import { createIntl } from 'react-intl';
import { describe, expect, it } from 'vitest';

import { COMMANDS } from '@/keys/table';

import startDe from './de';
import startEn from './en';

// All files: those of the start, and those that come with an area.
const all = (files: Record<string, Record<string, string>>) =>
  Object.assign({}, ...Object.values(files)) as Record<string, string>;
const en = all(import.meta.glob('./en/*.json', { eager: true, import: 'default' }));
const de = all(import.meta.glob('./de/*.json', { eager: true, import: 'default' }));

type Element = ReturnType<typeof parse>[number];

/** The names of the values that a message takes. */
function valuesOf(elements: Element[]): string[] {
  return elements.flatMap((each) => {
    const inner =
      'options' in each
        ? Object.values(each.options).flatMap((option) => valuesOf(option.value))
        : [];
    if (!('value' in each) || (each.type as number) === 0) return inner;
    return [each.value, ...inner];
  });
}

describe('texts', () => {
  it('exist in both languages', () => {
    expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
  });

  it('take the same values in both languages', () => {
    const values = (text: string) => [...new Set(valuesOf(parse(text)))].sort();
    for (const [id, text] of Object.entries(en)) {
      expect({ id, values: values(de[id] ?? '') }).toEqual({ id, values: values(text) });
    }
  });

  it('are well-formed ICU messages', () => {
    for (const [locale, messages] of [
      ['en', en],
      ['de', de],
    ] as const) {
      const wrong: string[] = [];
      const intl = createIntl({ locale, messages, onError: (error) => wrong.push(error.message) });
      const values = new Proxy({}, { get: () => 1, has: () => true });
      for (const id of Object.keys(messages)) intl.formatMessage({ id }, values);
      expect(wrong.filter((each) => /SyntaxError|INVALID|MALFORMED|UNCLOSED/i.test(each))).toEqual(
        [],
      );
    }
  });

  it('are told apart by their ids, whichever files are loaded together', () => {
    const ids = (language: string) =>
      Object.entries(
        import.meta.glob<Record<string, string>>('./*/*.json', { eager: true, import: 'default' }),
      ).flatMap(([path, file]) => (path.startsWith(`./${language}/`) ? Object.keys(file) : []));
    expect(ids('en').length).toBe(Object.keys(en).length);
    expect(ids('de').length).toBe(Object.keys(de).length);
  });

  it('of the start are among them', () => {
    expect(Object.keys(en)).toEqual(expect.arrayContaining(Object.keys(startEn)));
    expect(Object.keys(de)).toEqual(expect.arrayContaining(Object.keys(startDe)));
  });

  it('name every command', () => {
    expect(COMMANDS.filter((each) => !(each.label in en)).map((each) => each.id)).toEqual([]);
  });
});
