import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Mailbox } from '@/api/types';

import { toFilter } from './filter';
import { OPERATORS, parse, print, unknownOperators, without } from './query';

const word = fc.stringMatching(/^[\p{L}\p{N}@.:"\\(){}_-]{1,12}$/u);
const piece = fc.oneof(
  word,
  fc.constantFrom('OR', '-', '(', ')', '{', '}', '"', ' ', '\\'),
  fc.tuple(fc.constantFrom(...OPERATORS), word).map(([name, value]) => `${name}:${value}`),
  fc.string({ maxLength: 10 }).map((text) => `"${text}"`),
  fc
    .tuple(fc.constantFrom(...OPERATORS), fc.string({ maxLength: 8 }))
    .map(([name, text]) => `${name}:"${text}"`),
);
const query = fc.array(piece, { maxLength: 14 }).map((all) => all.join(' '));

const box = (id: string, role: Mailbox['role'], name = id) => ({ id, role, name }) as Mailbox;
const context = {
  boxes: [
    box('F1', 'inbox', 'Inbox'),
    box('F2', 'trash', 'Trash'),
    box('F3', 'junk', 'Spam'),
    box('F4', null, 'My Things'),
    box('F5', 'snoozed', 'Snoozed'),
  ],
  nameOf: (each: Mailbox) => each.name,
  now: new Date('2026-11-24T12:34:00Z'),
};
const filter = (q: string) => toFilter(parse(q), context);
const outside = { inMailboxOtherThan: ['F2', 'F3'] };

describe('the search language', () => {
  it('prints what parses to the same tree', () => {
    fc.assert(
      fc.property(fc.oneof(query, fc.string({ maxLength: 60 })), (q) => {
        const tree = parse(q);
        expect(parse(print(tree))).toEqual(tree);
      }),
      { numRuns: 1500 },
    );
  });

  it('never throws, however deep or long a query is', () => {
    expect(() => parse('('.repeat(5000) + 'a')).not.toThrow();
    expect(() => parse('-'.repeat(5000) + 'a')).not.toThrow();
    expect(() => toFilter(parse('a '.repeat(5000)), context)).not.toThrow();
  });

  it('binds OR weaker than words beside each other', () => {
    expect(print(parse('a b OR c'))).toBe('(a b) OR c');
    expect(print(parse('{a b} c'))).toBe('(a OR b) c');
    expect(print(parse('-(a b)'))).toBe('-(a b)');
  });

  it('keeps a phrase together, also as the value of an operator', () => {
    expect(parse('subject:"two words" "and more"')).toEqual({
      kind: 'and',
      nodes: [
        { kind: 'operator', name: 'subject', value: 'two words', phrase: true },
        { kind: 'word', text: 'and more', phrase: true },
      ],
    });
  });

  it('takes an operator that it does not know as a word', () => {
    const tree = parse('colour:blue https://x.test/a:b');
    expect(unknownOperators(tree)).toEqual(['colour:blue']);
    expect(tree?.kind).toBe('and');
  });

  it('takes a term away', () => {
    expect(without(parse('from:bob is:unread lake'), 1)).toBe('from:bob lake');
  });
});

describe('the filter of a query', () => {
  it('leaves out trash and spam', () => {
    expect(filter('lake')).toEqual({ operator: 'AND', conditions: [{ text: 'lake' }, outside] });
  });

  it('looks where it is told, by role or by name', () => {
    expect(filter('in:spam')).toEqual({ inMailbox: 'F3' });
    expect(filter('in:"my things"')).toEqual({ inMailbox: 'F4' });
    expect(filter('in:anywhere lake')).toEqual({ text: 'lake' });
  });

  it('knows sizes, ages and keywords', () => {
    expect(filter('in:inbox larger:5M')).toEqual({
      operator: 'AND',
      conditions: [{ inMailbox: 'F1' }, { minSize: 5_000_000 }],
    });
    expect(filter('in:inbox newer_than:2w')).toEqual({
      operator: 'AND',
      conditions: [{ inMailbox: 'F1' }, { after: '2026-11-10T12:00:00Z' }],
    });
    expect(filter('in:inbox is:unread')).toEqual({
      operator: 'AND',
      conditions: [{ inMailbox: 'F1' }, { notKeyword: '$seen' }],
    });
  });

  it('reads days in the zone of the person, and takes what is no day as a word', () => {
    const day = (d: number) => new Date(2026, 10, d).toISOString().replace('.000Z', 'Z');
    expect(filter('in:inbox on:2026-11-03')).toMatchObject({
      conditions: [
        { inMailbox: 'F1' },
        { operator: 'AND', conditions: [{ after: day(3) }, { before: day(4) }] },
      ],
    });
    expect(filter('in:inbox before:2026-02-31')).toMatchObject({
      conditions: [{ inMailbox: 'F1' }, { text: '2026-02-31' }],
    });
  });

  it('knows files by name and kind, labels, and what waits', () => {
    expect(filter('in:anywhere filename:bill')).toEqual({ attachmentName: 'bill' });
    expect(filter('in:anywhere has:image')).toEqual({ attachmentType: 'image/*' });
    expect(filter('in:anywhere has:pdf')).toEqual({
      operator: 'OR',
      conditions: [{ attachmentType: 'application/pdf' }, { attachmentName: '.pdf' }],
    });
    expect(filter('in:anywhere has:label')).toEqual({
      inMailboxOtherThan: ['F1', 'F2', 'F3', 'F5'],
    });
    expect(filter('in:anywhere is:snoozed')).toEqual({ inMailbox: 'F5' });
    expect(filter('in:anywhere is:muted')).toEqual({ hasKeyword: '$muted' });
    expect(filter('in:anywhere is:important')).toEqual({ hasKeyword: '$important' });
  });

  it('knows lists, addresses, ids and either-or', () => {
    expect(filter('in:anywhere list:birds')).toMatchObject({
      operator: 'OR',
      conditions: [{ header: ['List-Id', 'birds'] }, { header: ['List-Post', 'birds'] }],
    });
    expect(filter('in:anywhere rfc822msgid:<a@b>')).toEqual({ header: ['Message-ID', 'a@b'] });
    expect(filter('in:anywhere deliveredto:me@x.test')).toMatchObject({
      operator: 'OR',
      conditions: expect.arrayContaining([{ header: ['Delivered-To', 'me@x.test'] }]) as unknown,
    });
    expect(filter('in:anywhere {from:ann from:bob}')).toEqual({
      operator: 'OR',
      conditions: [{ from: 'ann' }, { from: 'bob' }],
    });
    expect(filter('in:anywhere older_than:3d')).toEqual({ before: '2026-11-21T12:00:00Z' });
  });

  it('finds nothing in a folder that does not exist', () => {
    expect(filter('in:nowhere')).toMatchObject({ operator: 'AND' });
  });
});
