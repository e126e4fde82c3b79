import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isAddress, joined, parseRecipients, without } from './recipients';

const emails = (text: string) => parseRecipients(text).map(({ email }) => email);

describe('recipients', () => {
  it('reads names, quoted names with commas, and bare addresses', () => {
    expect(parseRecipients('Bob <b@x.org>, "Doe, Jane \\"JD\\"" <j@x.org>; c@x.org')).toEqual([
      { name: 'Bob', email: 'b@x.org' },
      { name: 'Doe, Jane "JD"', email: 'j@x.org' },
      { name: null, email: 'c@x.org' },
    ]);
  });

  it('reads lists pasted from a table or a text', () => {
    expect(emails('a@x.org\nb@x.org\r\nc@x.org\td@x.org')).toHaveLength(4);
    expect(emails('a@x.org b@x.org')).toEqual(['a@x.org', 'b@x.org']);
    expect(emails('mailto:a@x.org')).toEqual(['a@x.org']);
  });

  it('keeps what is no address, so that it can be marked', () => {
    expect(emails('a@x.org, nobody at all')).toEqual(['a@x.org', 'nobody at all']);
  });

  it('loses no address, however they are separated', () => {
    const local = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const separator = fc.constantFrom(',', ', ', ';', '\n', ' ; ', '\t');
    fc.assert(
      fc.property(fc.array(fc.tuple(local, separator), { maxLength: 20 }), (list) => {
        const text = list.map(([name, between]) => `${name}@x.org${between}`).join('');
        expect(emails(text)).toEqual(list.map(([name]) => `${name}@x.org`));
      }),
      { numRuns: 100 },
    );
  });

  it.each(['a@b', 'müller@bücher.example', "o'neil+x@mail.x.org"])('takes %s', (address) => {
    expect(isAddress(address)).toBe(true);
  });

  it.each(['a', '@x.org', 'a@', 'a@@x.org', 'a b@x.org', '.a@x.org', 'a..b@x.org', 'a@-x.org', 'a@x..org', 'a@x.org, b'])(
    'marks %s',
    (address) => {
      expect(isAddress(address)).toBe(false);
    },
  ); // prettier-ignore

  it('holds each address once, whatever its letters', () => {
    const [a] = parseRecipients('A@x.org');
    expect(joined(a ? [a] : [], parseRecipients('a@X.org, b@x.org'))).toHaveLength(2);
    expect(without(parseRecipients('a@x.org, b@x.org'), ['B@X.ORG'])).toHaveLength(1);
  });
});
