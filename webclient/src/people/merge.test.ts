import { describe, expect, it } from 'vitest';

import type { Card, Contact } from '@/api/contacts';

import { duplicates, inGroups, merged } from './merge';

const card = (uid: string, more: Partial<Card> = {}): Card => ({
  id: `C${uid}`,
  uid,
  addressBookIds: { AB0: true },
  ...more,
});
const mail = (address: string) => ({ emails: { e: { address } } });
const uids = (sets: Contact[][]) => sets.map((set) => set.map(({ uid }) => uid).sort());

describe('cards of the same person', () => {
  it('share a name in any order, or an address', () => {
    const list = [
      card('a', { name: { full: 'Anna Öz' } }),
      card('b', { name: { full: 'Oz Anna' }, ...mail('anna@x.org') }),
      card('c', { name: { full: 'A.' }, ...mail('ANNA@x.org') }),
      card('d', { name: { full: 'Anna' } }),
      card('e', { name: { full: 'Anna' } }),
      card('g', { kind: 'group', name: { full: 'Anna Öz' } }),
    ];
    expect(uids(duplicates(list))).toEqual([['a', 'b', 'c']]);
    expect(uids(duplicates([...list].reverse()))).toEqual([['a', 'b', 'c']]);
  });

  it('who share a number alone live together, and are two', () => {
    const phone = { phones: { p: { number: '+49 30 123456' } } };
    const list = [
      card('a', { name: { full: 'Anna Öz' }, ...phone }),
      card('b', { name: { full: 'Bert Öz' }, ...phone }),
    ];
    expect(duplicates(list)).toEqual([]);
  });

  it('become one that knows what all knew, each thing once', () => {
    const keep = card('a', {
      name: { full: 'Anna' },
      emails: { e: { address: 'anna@x.org', pref: 1 } },
      notes: { n: { note: 'One' } },
      media: { p: { kind: 'photo', blobId: 'B1' } },
    });
    const other = card('b', {
      name: { full: 'Other' },
      emails: { e: { address: 'ANNA@x.org' }, f: { address: 'a@y.org', pref: 1 } },
      phones: { p: { number: '1' } },
      media: { p: { kind: 'photo', blobId: 'B2' } },
      ...{ 'example.com:own': 1 },
    });
    expect(merged([keep, other])).toEqual({
      emails: { e: { address: 'anna@x.org', pref: 1 }, m1: { address: 'a@y.org' } },
      phones: { m1: { number: '1' } },
      'example.com:own': 1,
    });
    expect(merged([keep, keep])).toEqual({});
  });

  it('stay in their groups', () => {
    const groups: Contact[] = [
      { ...card('g'), kind: 'group', members: { 'urn:uuid:b': true, c: true } },
      { ...card('h'), kind: 'group', members: { a: true, b: true } },
      { ...card('i'), kind: 'group', members: { c: true } },
    ];
    expect(inGroups(groups, card('a'), [card('b')])).toEqual({
      Cg: { members: { c: true, a: true } },
      Ch: { members: { a: true } },
    });
  });
});
