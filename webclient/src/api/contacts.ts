// Contacts (RFC 9610): all of them in short, whole ones when they are looked at. Both follow the change log.
import { useQuery } from '@tanstack/react-query';

import { queryClient } from './cache';
import { chain, jmap, limit, pieces, throwSetError } from './jmap';
import { noteOwnWrite, noteState, onChanges } from './sync';
import type { ChangesResponse, GetResponse, Id, SetResponse } from './types';

export interface NamePart {
  kind: string;
  value: string;
}

interface Shared {
  contexts?: Record<string, boolean>;
  pref?: number;
  label?: string;
}

export type CardEmail = Shared & { address: string };
export type CardPhone = Shared & { number: string; features?: Record<string, boolean> };
export type CardPlace = Shared & {
  components?: NamePart[];
  full?: string;
  countryCode?: string;
};
export type CardLink = Shared & { uri: string; kind?: string };
export type CardService = Shared & { service?: string; uri?: string; user?: string };
export type Medium = Shared & { kind: string; uri?: string; blobId?: Id; mediaType?: string };

/** PartialDate or Timestamp (RFC 9553 §1.4.6). */
export interface CardDate {
  '@type'?: string;
  year?: number;
  month?: number;
  day?: number;
  utc?: string;
}

/** What a list needs to know of a card. */
export interface Contact {
  id: Id;
  uid: string;
  kind?: string;
  name?: {
    full?: string;
    components?: NamePart[];
    isOrdered?: boolean;
    sortAs?: Record<string, string>;
  };
  nicknames?: Record<string, { name: string }>;
  organizations?: Record<string, { name?: string; units?: { name: string }[] }>;
  titles?: Record<string, { name: string; kind?: string }>;
  emails?: Record<string, CardEmail>;
  phones?: Record<string, CardPhone>;
  media?: Record<string, Medium>;
  members?: Record<string, boolean>;
}

/** A whole card, as far as the client knows what is in it. */
export interface Card extends Contact {
  addressBookIds: Record<Id, boolean>;
  addresses?: Record<string, CardPlace>;
  anniversaries?: Record<string, { kind: string; date: CardDate }>;
  links?: Record<string, CardLink>;
  onlineServices?: Record<string, CardService>;
  notes?: Record<string, { note: string }>;
  created?: string;
  updated?: string;
}

const SHORT = [
  'uid',
  'kind',
  'name',
  'nicknames',
  'organizations',
  'titles',
  'emails',
  'phones',
  'media',
  'members',
];
const KEY = ['contacts'] as const;
const cardKey = (id: Id) => ['contact', id] as const;
const AT_ONCE = 4; // requests

async function read(ids: readonly Id[]): Promise<Contact[]> {
  const found: Contact[] = [];
  const all = pieces(ids, limit('maxObjectsInGet', 500));
  for (const some of pieces(all, AT_ONCE)) {
    const answers = await Promise.all(
      some.map((each) =>
        jmap<GetResponse<Contact>>('ContactCard/get', { ids: each, properties: SHORT }),
      ),
    );
    found.push(...answers.flatMap(({ list }) => list));
  }
  return found;
}

async function load(): Promise<Contact[]> {
  const ids: Id[] = [];
  for (let total = Infinity; ids.length < total;) {
    // The state first: what changes while the cards are read is told of again.
    const [state, page] = (await chain(
      ['ContactCard/get', { ids: [] }],
      ['ContactCard/query', { position: ids.length, calculateTotal: true }],
    )) as [GetResponse<Contact>, { ids: Id[]; total: number }];
    if (ids.length === 0) noteState('ContactCard', state.state);
    if (page.ids.length === 0) break;
    ids.push(...page.ids);
    total = page.total;
  }
  return read([...new Set(ids)]);
}

/** All contacts, in no order. */
export function useContacts() {
  return useQuery({ queryKey: KEY, queryFn: load });
}

/** One whole card; null: there is none (any more). */
export function useCard(id: Id | null) {
  return useQuery({
    queryKey: cardKey(id ?? ''),
    queryFn: () => (id === null ? null : readCard(id)),
    enabled: id !== null,
  });
}

async function readCard(id: Id): Promise<Card | null> {
  const answer = await jmap<GetResponse<Card>>('ContactCard/get', { ids: [id] });
  return answer.list[0] ?? null;
}

/** Whole cards, those that are gone left out. */
export async function readCards(ids: readonly Id[]): Promise<Card[]> {
  const found: Card[] = [];
  for (const some of pieces(ids, limit('maxObjectsInGet', 500))) {
    found.push(...(await jmap<GetResponse<Card>>('ContactCard/get', { ids: some })).list);
  }
  return found;
}

onChanges('ContactCard', async (since) => {
  let state = since;
  for (let more = true; more;) {
    const changes = await jmap<ChangesResponse>('ContactCard/changes', { sinceState: state });
    const touched = [...changes.created, ...changes.updated];
    apply(await read(touched), changes.destroyed);
    for (const id of changes.updated) void queryClient.invalidateQueries({ queryKey: cardKey(id) });
    for (const id of changes.created) void queryClient.invalidateQueries({ queryKey: cardKey(id) });
    state = changes.newState;
    more = changes.hasMoreChanges;
  }
  return state;
});

function apply(changed: readonly Contact[], gone: readonly Id[]): void {
  queryClient.setQueryData<Contact[]>(KEY, (list) => {
    if (!list) return list;
    const without = new Set([...gone, ...changed.map(({ id }) => id)]);
    return [...list.filter(({ id }) => !without.has(id)), ...changed];
  });
  for (const id of gone) queryClient.setQueryData(cardKey(id), null);
}

// -- changing -------------------------------------------------------------------------------------------------

/** What a new card is made of. */
export type NewCard = Omit<Card, 'id' | 'uid' | 'addressBookIds'> &
  Partial<Pick<Card, 'uid' | 'addressBookIds'>>;

interface Change {
  create?: Record<string, NewCard>;
  update?: Record<Id, Record<string, unknown>>;
  destroy?: Id[];
}

async function set(change: Change): Promise<SetResponse<Card>> {
  const answer = await jmap<SetResponse<Card>>('ContactCard/set', { ...change });
  const made = Object.values(answer.created ?? {}).map(({ id }) => id);
  const touched = [...made, ...Object.keys(answer.updated ?? {})];
  if (touched.length > 0) {
    const cards = await readCards(touched);
    for (const card of cards) queryClient.setQueryData(cardKey(card.id), card);
    apply(cards, answer.destroyed ?? []);
  } else {
    apply([], answer.destroyed ?? []);
  }
  noteOwnWrite('ContactCard', answer.oldState, answer.newState);
  throwSetError(answer.notCreated);
  throwSetError(answer.notUpdated);
  return answer;
}

/** Resolves to its id. */
export async function createCard(card: NewCard): Promise<Id> {
  const answer = await set({ create: { card } });
  return answer.created?.['card']?.id ?? '';
}

/** `patch` as RFC 8620 §5.3 has it: null takes a property away. */
export async function updateCard(id: Id, patch: Record<string, unknown>): Promise<void> {
  if (Object.keys(patch).length > 0) await set({ update: { [id]: patch } });
}

/** Many at once. */
export async function updateCards(update: Record<Id, Record<string, unknown>>): Promise<void> {
  for (const some of pieces(Object.entries(update), limit('maxObjectsInSet', 500))) {
    await set({ update: Object.fromEntries(some) });
  }
}

/** Resolves to what brings them back: the same cards under the same ids. */
export async function destroyCards(ids: readonly Id[]): Promise<() => Promise<void>> {
  const cards = await readCards(ids);
  for (const some of pieces(ids, limit('maxObjectsInSet', 500))) await set({ destroy: [...some] });
  return async () => {
    for (const some of pieces(cards, limit('maxObjectsInSet', 500))) {
      const create = some.map(({ id: _, ...card }, at) => [`c${at}`, card] as const);
      await set({ create: Object.fromEntries(create) });
    }
  };
}
