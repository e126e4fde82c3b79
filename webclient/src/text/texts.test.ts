import { parse } from '@formatjs/icu-messageformat-parser';
import { createIntl } from 'react-intl';
import { describe, expect, it } from 'vitest';

import { COMMANDS } from '@/keys/table';

import de from './de';
import en from './en';

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

  it('name every command', () => {
    expect(COMMANDS.filter((each) => !(each.label in en)).map((each) => each.id)).toEqual([]);
  });
});
