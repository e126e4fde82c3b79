// What a form changes in a card. Whatever the form does not show stays.
import type { Card, CardDate, NamePart, NewCard } from '@/api/contacts';

import {
  type Day,
  dayOf,
  NAME_KINDS,
  nameParts,
  type PersonForm,
  PLACE_FIELDS,
  PLACE_KINDS,
  placeRow,
  type PlaceRow,
  type Row,
  type Typed,
  typeOf,
} from './form';
import { joinedName } from './people';

type Bag = Record<string, unknown>;

/** `entry` with another type, if it is another. */
function typed(entry: Bag & Typed, row: Pick<Row, 'type' | 'label'>): Bag {
  const label = row.type === 'label' ? row.label.trim() : '';
  if (typeOf(entry) === row.type && (entry.label ?? '') === label) return entry;
  const { contexts, features, label: _, ...rest } = entry;
  const kept = (map: Record<string, boolean> | undefined, gone: string[]) =>
    Object.fromEntries(Object.entries(map ?? {}).filter(([name]) => !gone.includes(name)));
  const inContexts = kept(contexts, ['private', 'work']);
  const inFeatures = kept(features, ['mobile', 'fax']);
  if (row.type === 'private' || row.type === 'work') inContexts[row.type] = true;
  if (row.type === 'mobile' || row.type === 'fax') inFeatures[row.type] = true;
  return {
    ...rest,
    ...(Object.keys(inContexts).length > 0 ? { contexts: inContexts } : {}),
    ...(Object.keys(inFeatures).length > 0 ? { features: inFeatures } : {}),
    ...(label !== '' ? { label } : {}),
  };
}

function newKey(taken: Bag, prefix: string): string {
  let at = 1;
  while (`${prefix}${at}` in taken) at += 1;
  return `${prefix}${at}`;
}

/** The map of rows that are not empty; null when there is none. */
function mapOf<R extends { key: string | null }>(
  rows: readonly R[],
  before: Record<string, Bag> | undefined,
  prefix: string,
  write: (row: R, entry: Bag) => Bag | null,
): Bag | null {
  const map: Bag = {};
  for (const row of rows) {
    const entry = write(row, row.key === null ? {} : (before?.[row.key] ?? {}));
    if (entry) map[row.key ?? newKey({ ...before, ...map }, prefix)] = entry;
  }
  return Object.keys(map).length > 0 ? map : null;
}

const bags = (map: unknown) => map as Record<string, Bag> | undefined;

const simple =
  (name: string) =>
  (row: Row, entry: Bag): Bag | null => {
    const value = row.value.trim();
    if (value === '') return null;
    const same = typeof entry[name] === 'string' && entry[name].replace(/^tel:/i, '') === value;
    return typed({ ...entry, ...(same ? {} : { [name]: value }) }, row);
  };

function placeOf(row: PlaceRow, entry: Bag): Bag | null {
  if (PLACE_FIELDS.every((field) => row[field].trim() === '')) return null;
  const before = row.key === null ? null : placeRow([row.key, entry]);
  if (before && PLACE_FIELDS.every((field) => before[field] === row[field]))
    return typed(entry, row);
  const { full: _, components: __, isOrdered: ___, defaultSeparator: ____, ...rest } = entry;
  const components = PLACE_FIELDS.filter((field) => row[field].trim() !== '').map((field) => ({
    kind: PLACE_KINDS[field],
    value: row[field].trim(),
  }));
  return typed({ ...rest, components }, row);
}

function nameOfForm(form: PersonForm, card: Partial<Card>): Bag | null {
  const before = nameParts(card);
  if (card.name && NAME_KINDS.every((kind) => before[kind] === form[kind].trim())) return card.name;
  const others = (card.name?.components ?? []).filter(
    ({ kind }) => !(NAME_KINDS as readonly string[]).includes(kind) && kind !== 'separator',
  );
  const components: NamePart[] = [
    ...NAME_KINDS.filter((kind) => form[kind].trim() !== '').map((kind) => ({
      kind,
      value: form[kind].trim(),
    })),
    ...others,
  ];
  if (components.length === 0) return null;
  const { sortAs } = card.name ?? {};
  return { components, full: joinedName({ name: { components } }), ...(sortAs ? { sortAs } : {}) };
}

/** The first entry of a map with another text; an empty one takes it away. */
function firstWith(
  map: Record<string, Bag> | undefined,
  prefix: string,
  name: string,
  text: string,
): Bag | null {
  const [[key, entry] = [`${prefix}1`, {}], ...rest] = Object.entries(map ?? {});
  const more = Object.fromEntries(rest);
  const value =
    text.trim() === (entry[name] as string | undefined)?.trim() ? entry[name] : text.trim();
  if (value === '') return rest.length > 0 ? more : null;
  return { [key]: { ...entry, [name]: value }, ...more };
}

function organizationsOf(form: PersonForm, card: Partial<Card>): Bag | null {
  const [[key, entry] = ['o1', {}], ...rest] = Object.entries(card.organizations ?? {});
  const [name, department] = [form.organization.trim(), form.department.trim()];
  const more = Object.fromEntries(rest);
  const { name: _, units = [], ...kept } = entry;
  const [unit, ...others] = units;
  const left = department === '' ? others : [{ ...unit, name: department }, ...others];
  if (name === '' && left.length === 0) return rest.length > 0 ? more : null;
  return {
    [key]: {
      ...kept,
      ...(name === '' ? {} : { name }),
      ...(left.length > 0 ? { units: left } : {}),
    },
    ...more,
  };
}

function titlesOf(form: PersonForm, card: Partial<Card>): Bag | null {
  const entries = Object.entries(card.titles ?? {});
  const [key, entry] = entries.find(([, { kind }]) => kind !== 'role') ?? ['t1', null];
  const rest = entries.filter(([each]) => each !== key);
  const name = form.position.trim();
  if (name === '') return rest.length > 0 ? Object.fromEntries(rest) : null;
  return { ...Object.fromEntries(rest), [key]: { ...(entry ?? { kind: 'title' }), name } };
}

/** null: what was typed is no day. */
export function dateOf(form: Day): CardDate | null | undefined {
  const [year, month, day] = [form.year, form.month, form.day].map((each) =>
    Number(each.trim() || NaN),
  );
  if ([form.year, form.month, form.day].every((each) => each.trim() === '')) return undefined;
  const has = (value: number | undefined): value is number =>
    value !== undefined && !Number.isNaN(value);
  if (has(day) && !has(month)) return null;
  if (!has(year) && !(has(month) && has(day))) return null;
  if (has(year) && !(Number.isInteger(year) && year >= 1 && year <= 9999)) return null;
  const date = new Date(Date.UTC(2000, (has(month) ? month : 1) - 1, has(day) ? day : 1));
  date.setUTCFullYear(has(year) ? year : 2000, (has(month) ? month : 1) - 1, has(day) ? day : 1);
  if (has(day) && date.getUTCDate() !== day) return null;
  return {
    ...(has(year) ? { year } : {}),
    ...(has(month) ? { month } : {}),
    ...(has(day) ? { day } : {}),
  };
}

function anniversariesOf(form: PersonForm, card: Partial<Card>): Bag | null {
  const entries = Object.entries(card.anniversaries ?? {});
  const [key, entry] = entries.find(([, { kind }]) => kind === 'birth') ?? ['birth', null];
  const rest = Object.fromEntries(entries.filter(([each]) => each !== key));
  const date = dateOf(form.birthday);
  if (!date) return Object.keys(rest).length > 0 ? rest : null;
  const same = entry && JSON.stringify(dayOf(entry.date)) === JSON.stringify(form.birthday);
  return { ...rest, [key]: same ? entry : { ...entry, kind: 'birth', date } };
}

function mediaOf(form: PersonForm, card: Partial<Card>): Bag | null {
  const entries = Object.entries(card.media ?? {});
  const key = entries.find(([, { kind }]) => kind === 'photo')?.[0] ?? 'photo';
  const media: Bag = Object.fromEntries(entries.filter(([each]) => each !== key));
  if (form.photo) media[key] = form.photo;
  return Object.keys(media).length > 0 ? media : null;
}

function properties(form: PersonForm, card: Partial<Card>): Record<string, Bag | null> {
  return {
    name: nameOfForm(form, card),
    nicknames: firstWith(bags(card.nicknames), 'n', 'name', form.nickname),
    organizations: organizationsOf(form, card),
    titles: titlesOf(form, card),
    emails: mapOf(form.emails, bags(card.emails), 'e', simple('address')),
    phones: mapOf(form.phones, bags(card.phones), 'p', simple('number')),
    addresses: mapOf(form.places, bags(card.addresses), 'a', placeOf),
    links: mapOf(form.links, bags(card.links), 'l', simple('uri')),
    anniversaries: anniversariesOf(form, card),
    notes: firstWith(bags(card.notes), 'n', 'note', form.notes),
    media: mediaOf(form, card),
  };
}

/** Compares whatever way the names of an object are ordered. */
function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [left, right] = [a as Bag, b as Bag];
  const names = Object.keys(left);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    names.length === Object.keys(right).length &&
    names.every((name) => name in right && equal(left[name], right[name]))
  );
}

/** What the form changes in the card, as a patch of RFC 8620 §5.3; empty: nothing. */
export function patchOf(form: PersonForm, card: Card): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties(form, card)).filter(
      ([name, value]) => !equal(value ?? undefined, (card as unknown as Bag)[name]),
    ),
  );
}

export function newCardOf(form: PersonForm): NewCard {
  return Object.fromEntries(
    Object.entries(properties(form, {})).filter(([, value]) => value !== null),
  );
}

/** Whether there is anything to be called by. */
export function isNamed(form: PersonForm): boolean {
  const texts = [...NAME_KINDS.map((kind) => form[kind]), form.nickname, form.organization];
  const rows = [...form.emails, ...form.phones].map(({ value }) => value);
  return [...texts, ...rows].some((each) => each.trim() !== '');
}
