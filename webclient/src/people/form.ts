// A card as a form shows it.
import type { Card, CardDate, CardPhone, CardPlace, Medium } from '@/api/contacts';

import { part } from './people';

export interface Row {
  /** Its id in the card; a new one has none yet. */
  key: string | null;
  value: string;
  /** One of the types of its kind, or 'label'. */
  type: string;
  label: string;
}

export interface PlaceRow extends Omit<Row, 'value'> {
  street: string;
  postcode: string;
  locality: string;
  region: string;
  country: string;
}

export const PLACE_FIELDS = ['street', 'postcode', 'locality', 'region', 'country'] as const;

export interface Day {
  day: string;
  /** '1' to '12', or ''. */
  month: string;
  year: string;
}

export interface PersonForm {
  title: string;
  given: string;
  given2: string;
  surname: string;
  credential: string;
  nickname: string;
  organization: string;
  department: string;
  position: string;
  emails: Row[];
  phones: Row[];
  places: PlaceRow[];
  links: Row[];
  birthday: Day;
  notes: string;
  photo: Medium | null;
}

export const EMAIL_TYPES = ['private', 'work', ''] as const;
export const PHONE_TYPES = ['mobile', 'private', 'work', 'fax', ''] as const;

export const NAME_KINDS = ['title', 'given', 'given2', 'surname', 'credential'] as const;
export const PLACE_KINDS = {
  street: 'name',
  postcode: 'postcode',
  locality: 'locality',
  region: 'region',
  country: 'country',
} as const;

// -- out of a card -------------------------------------------------------------------------------------------

export function emptyRow(type: string): Row {
  return { key: null, value: '', type, label: '' };
}

export function emptyPlace(): PlaceRow {
  return {
    key: null,
    type: 'private',
    label: '',
    street: '',
    postcode: '',
    locality: '',
    region: '',
    country: '',
  };
}

export type Typed = Pick<CardPhone, 'contexts' | 'features' | 'label'>;

export function typeOf(entry: Typed): string {
  if (entry.label) return 'label';
  if (entry.features?.['mobile']) return 'mobile';
  if (entry.features?.['fax']) return 'fax';
  if (entry.contexts?.['private']) return 'private';
  return entry.contexts?.['work'] ? 'work' : '';
}

function rowsOf<T extends Typed>(
  map: Record<string, T> | undefined,
  value: (entry: T) => string,
): Row[] {
  return Object.entries(map ?? {}).map(([key, entry]) => ({
    key,
    value: value(entry),
    type: typeOf(entry),
    label: entry.label ?? '',
  }));
}

const of = (place: CardPlace, ...kinds: string[]) =>
  (place.components ?? [])
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ value }) => value)
    .join(' ');

export function placeRow([key, place]: [string, CardPlace]): PlaceRow {
  const bare = (place.components ?? []).length === 0;
  return {
    key,
    type: typeOf(place),
    label: place.label ?? '',
    street: bare
      ? (place.full ?? '').replace(/\s*\n\s*/g, ', ')
      : of(place, 'name', 'number', 'apartment', 'postOfficeBox', 'building', 'floor', 'room'),
    postcode: of(place, 'postcode'),
    locality: of(place, 'locality'),
    region: of(place, 'region'),
    country: of(place, 'country'),
  };
}

export function dayOf(date: CardDate | undefined): Day {
  const text = (value: number | undefined) => (value === undefined ? '' : String(value));
  if (date?.utc) {
    const [year, month, day] = date.utc.slice(0, 10).split('-').map(Number);
    return { year: text(year), month: text(month), day: text(day) };
  }
  return { year: text(date?.year), month: text(date?.month), day: text(date?.day) };
}

/** A name that has only its whole is cut at the last space. */
export function nameParts(card: Partial<Card>): Pick<PersonForm, (typeof NAME_KINDS)[number]> {
  const parts = Object.fromEntries(NAME_KINDS.map((kind) => [kind, part(card, kind)]));
  const full = card.name?.full?.trim() ?? '';
  if (full !== '' && (card.name?.components ?? []).length === 0) {
    const cut = full.lastIndexOf(' ');
    parts['given'] = cut < 0 ? full : full.slice(0, cut).trim();
    parts['surname'] = cut < 0 ? '' : full.slice(cut + 1);
  }
  return parts as Pick<PersonForm, (typeof NAME_KINDS)[number]>;
}

export function formOf(card: Partial<Card>): PersonForm {
  const organization = Object.values(card.organizations ?? {})[0];
  return {
    ...nameParts(card),
    nickname: Object.values(card.nicknames ?? {})[0]?.name ?? '',
    organization: organization?.name ?? '',
    department: organization?.units?.[0]?.name ?? '',
    position: Object.values(card.titles ?? {}).find(({ kind }) => kind !== 'role')?.name ?? '',
    emails: rowsOf(card.emails, ({ address }) => address),
    phones: rowsOf(card.phones, ({ number }) => number.replace(/^tel:/i, '')),
    places: Object.entries(card.addresses ?? {}).map(placeRow),
    links: rowsOf(card.links, ({ uri }) => uri),
    birthday: dayOf(
      Object.values(card.anniversaries ?? {}).find(({ kind }) => kind === 'birth')?.date,
    ),
    notes: Object.values(card.notes ?? {})[0]?.note ?? '',
    photo: Object.values(card.media ?? {}).find(({ kind }) => kind === 'photo') ?? null,
  };
}
