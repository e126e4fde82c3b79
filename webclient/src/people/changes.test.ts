import { describe, expect, it } from 'vitest';

import type { Card } from '@/api/contacts';

import { dateOf, isNamed, newCardOf, patchOf } from './changes';
import { emptyPlace, emptyRow, formOf, type PersonForm } from './form';

const CARD: Card = {
  id: 'C1',
  uid: 'u',
  addressBookIds: { AB0: true },
  name: {
    full: 'Dr. Anna Öz',
    components: [
      { kind: 'surname', value: 'Öz' },
      { kind: 'given', value: 'Anna' },
      { kind: 'title', value: 'Dr.' },
      { kind: 'generation', value: 'Jr.' },
    ],
    sortAs: { surname: 'Oz' },
  },
  nicknames: { a: { name: 'Anni' }, b: { name: 'Änne' } },
  organizations: { o: { name: 'Beispiel', units: [{ name: 'Sales' }, { name: 'North' }] } },
  titles: { r: { name: 'Speaker', kind: 'role' }, t: { name: 'Boss', kind: 'title' } },
  emails: {
    e: { address: 'anna@x.org', contexts: { private: true, 'x:y': true }, pref: 1 },
    f: { address: 'club@x.org', label: 'Club' },
  },
  phones: { p: { number: 'tel:+49-1', features: { mobile: true, text: true } } },
  addresses: {
    full: { full: 'Road 1\nTown' },
    parts: {
      components: [
        { kind: 'number', value: '7' },
        { kind: 'name', value: 'Street' },
        { kind: 'country', value: 'Chile' },
      ],
      countryCode: 'cl',
    },
  },
  anniversaries: {
    w: { kind: 'wedding', date: { year: 2001 } },
    b: { kind: 'birth', date: { month: 2, day: 29 } },
  },
  notes: { n: { note: 'One' } },
  media: { p: { kind: 'photo', blobId: 'B1' }, l: { kind: 'logo', blobId: 'B2' } },
};

const changed = (change: (form: PersonForm) => void) => {
  const form = structuredClone(formOf(CARD));
  change(form);
  return patchOf(form, CARD);
};

describe('a form of a card', () => {
  it('that nobody touched changes nothing', () => {
    expect(patchOf(formOf(CARD), CARD)).toEqual({});
    const bare: Card = {
      id: 'C2',
      uid: 'v',
      addressBookIds: { AB0: true },
      name: { full: 'Anna Öz' },
    };
    expect(patchOf(formOf(bare), bare)).toEqual({});
  });

  it('empty lines are nothing', () => {
    expect(
      changed((form) => {
        form.emails.push(emptyRow('work'));
        form.places.push(emptyPlace());
      }),
    ).toEqual({});
  });

  it('a name keeps the parts that the form does not show', () => {
    const patch = changed((form) => {
      form.surname = 'Kaya';
    });
    expect(Object.keys(patch)).toEqual(['name']);
    expect(patch['name']).toEqual({
      full: 'Dr. Anna Kaya Jr.',
      components: [
        { kind: 'title', value: 'Dr.' },
        { kind: 'given', value: 'Anna' },
        { kind: 'surname', value: 'Kaya' },
        { kind: 'generation', value: 'Jr.' },
      ],
      sortAs: { surname: 'Oz' },
    });
  });

  it('an address of mail keeps its preference and foreign contexts with another type', () => {
    const patch = changed((form) => {
      const [first, second] = form.emails;
      if (first) first.type = 'work';
      if (second) second.type = '';
      form.emails.push({ key: null, value: ' new@x.org ', type: 'label', label: 'Own' });
    });
    expect(patch).toEqual({
      emails: {
        e: { address: 'anna@x.org', contexts: { 'x:y': true, work: true }, pref: 1 },
        f: { address: 'club@x.org' },
        e1: { address: 'new@x.org', label: 'Own' },
      },
    });
  });

  it('a number stays the URI that it was until it is another', () => {
    expect(formOf(CARD).phones[0]?.value).toBe('+49-1');
    expect(
      changed((form) => {
        form.phones[0] = { ...emptyRow('fax'), key: 'p', value: '+49-2' };
      }),
    ).toEqual({ phones: { p: { number: '+49-2', features: { text: true, fax: true } } } });
  });

  it('a place that is changed is written in parts', () => {
    const patch = changed((form) => {
      const [full, parts] = form.places;
      if (full) full.country = 'Peru';
      if (parts) parts.type = 'work';
    });
    expect(patch['addresses']).toEqual({
      full: {
        components: [
          { kind: 'name', value: 'Road 1, Town' },
          { kind: 'country', value: 'Peru' },
        ],
      },
      parts: { ...CARD.addresses?.['parts'], contexts: { work: true } },
    });
  });

  it('others of a kind stay when one is changed or taken away', () => {
    const patch = changed((form) => {
      form.nickname = '';
      form.department = '';
      form.position = '';
      form.birthday = { day: '', month: '', year: '' };
      form.photo = null;
      form.notes = '';
      form.emails = [];
    });
    expect(patch).toEqual({
      nicknames: { b: { name: 'Änne' } },
      organizations: { o: { name: 'Beispiel', units: [{ name: 'North' }] } },
      titles: { r: { name: 'Speaker', kind: 'role' } },
      anniversaries: { w: { kind: 'wedding', date: { year: 2001 } } },
      media: { l: { kind: 'logo', blobId: 'B2' } },
      notes: null,
      emails: null,
    });
  });

  it('makes a new card of what was filled in', () => {
    const form = formOf({});
    expect(isNamed(form)).toBe(false);
    form.given = 'Bert';
    form.emails = [{ ...emptyRow('work'), value: 'b@x.org' }, emptyRow('private')];
    form.birthday = { day: '3', month: '4', year: '' };
    expect(isNamed(form)).toBe(true);
    expect(newCardOf(form)).toEqual({
      name: { full: 'Bert', components: [{ kind: 'given', value: 'Bert' }] },
      emails: { e1: { address: 'b@x.org', contexts: { work: true } } },
      anniversaries: { birth: { kind: 'birth', date: { month: 4, day: 3 } } },
    });
  });

  it.each([
    [
      { day: '29', month: '2', year: '' },
      { month: 2, day: 29 },
    ],
    [{ day: '', month: '', year: '1980' }, { year: 1980 }],
    [
      { day: '', month: '5', year: '1980' },
      { year: 1980, month: 5 },
    ],
    [
      { day: '1', month: '1', year: '50' },
      { year: 50, month: 1, day: 1 },
    ],
    [{ day: '', month: '', year: '' }, undefined],
    [{ day: '29', month: '2', year: '2001' }, null],
    [{ day: '31', month: '4', year: '' }, null],
    [{ day: '1', month: '', year: '2001' }, null],
    [{ day: '', month: '4', year: '' }, null],
    [{ day: 'x', month: '4', year: '' }, null],
    [{ day: '', month: '', year: '20000' }, null],
    [{ day: '', month: '', year: '1.5' }, null],
  ])('a day: %o', (day, wanted) => {
    expect(dateOf(day)).toEqual(wanted);
  });
});
