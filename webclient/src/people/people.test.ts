import { describe, expect, it } from 'vitest';

import type { Contact } from '@/api/contacts';

import {
  found,
  groupsOf,
  inOrder,
  letterOf,
  membersOf,
  nameOf,
  withAddress,
  workOf,
} from './people';

const person = (uid: string, more: Partial<Contact> = {}): Contact => ({
  id: `C${uid}`,
  uid,
  ...more,
});
const called = (full: string) => person(full, { name: { full } });

describe('contacts', () => {
  it('are called by what there is', () => {
    expect(
      nameOf(
        person('1', {
          name: {
            components: [
              { kind: 'surname', value: 'Öz' },
              { kind: 'given', value: 'Anna' },
            ],
          },
        }),
      ),
    ).toBe('Anna Öz');
    expect(nameOf(person('2', { organizations: { o: { name: 'Beispiel' } } }))).toBe('Beispiel');
    expect(nameOf(person('3', { emails: { e: { address: 'a@x.org' } } }))).toBe('a@x.org');
    expect(nameOf(person('4'))).toBe('');
  });

  it('have names without letters that turn text around', () => {
    expect(nameOf(called('Anna\u202egnp.exe'))).not.toContain('\u202e');
  });

  it('stand in the order of the language, and what is no letter at the end', () => {
    const list = inOrder(['Zoe', '+49 1', 'Ärger', 'anna', 'Bob'].map(called), 'de');
    expect(list.map(nameOf)).toEqual(['anna', 'Ärger', 'Bob', 'Zoe', '+49 1']);
    expect(list.map((each) => letterOf(nameOf(each)))).toEqual(['A', 'A', 'B', 'Z', '#']);
  });

  it('are found by words in any order, without accents, and by digits of a number', () => {
    const anna = person('a', {
      name: { full: 'Anna Öz' },
      emails: { e: { address: 'anna@x.org' } },
      phones: { p: { number: '+49 (170) 12-34' } },
    });
    const list = [anna, called('Bert')];
    for (const words of ['oz ann', 'X.ORG', '1701234', '']) {
      expect(found(list, words)).toContain(anna);
    }
    expect(found(list, 'anna bert')).toEqual([]);
  });

  it('are members of groups by uid, with and without its prefix', () => {
    const [a, b] = [person('urn:uuid:AA'), person('bb')];
    const group = person('g', {
      kind: 'group',
      members: { aa: true, 'urn:uuid:bb': true, 'urn:uuid:cc': true },
    });
    expect(membersOf(group, [a, b, group])).toEqual([a, b]);
    expect(groupsOf(a, [group])).toEqual([group]);
  });

  it('are found by address in any case', () => {
    const anna = person('a', { emails: { e: { address: 'Anna@X.org' } } });
    expect(withAddress([anna], 'anna@x.org')).toBe(anna);
    expect(withAddress([anna], 'nna@x.org')).toBeUndefined();
  });

  it('say what they do', () => {
    const contact = person('a', {
      titles: { t: { name: 'Boss' } },
      organizations: { o: { name: 'Beispiel', units: [{ name: 'Sales' }] } },
    });
    expect(workOf(contact)).toBe('Boss, Beispiel, Sales');
  });
});
