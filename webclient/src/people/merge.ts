// Cards of the same person: found, and made one.
import { type Card, type Contact, destroyCards, readCards, updateCards } from '@/api/contacts';
import type { Id } from '@/api/types';

import { folded, isGroup, nameOf, plainUid } from './people';

const SHORTEST_NUMBER = 7;

/** What two cards of one person share. */
function marks(contact: Contact): string[] {
  const name = folded(nameOf(contact)).split(/\s+/).sort().join(' ');
  const numbers = Object.values(contact.phones ?? {})
    .map(({ number }) => number.replace(/\D/g, ''))
    .filter((digits) => digits.length >= SHORTEST_NUMBER);
  return [
    // One word is a name that many have.
    ...(name.includes(' ') ? [`name ${name}`] : []),
    ...Object.values(contact.emails ?? {}).map(({ address }) => `mail ${address.toLowerCase()}`),
    ...numbers.map((digits) => `phone ${digits} ${name}`),
  ];
}

/** Sets of two and more that share a name, an address, or a number with its name. */
export function duplicates(list: readonly Contact[]): Contact[][] {
  const setOf = new Map<string, Set<Contact>>();
  for (const contact of list) {
    if (isGroup(contact)) continue;
    const own = marks(contact);
    const joined = new Set<Contact>([contact]);
    for (const mark of own) for (const each of setOf.get(mark) ?? []) joined.add(each);
    for (const each of joined) for (const mark of marks(each)) setOf.set(mark, joined);
    for (const mark of own) setOf.set(mark, joined);
  }
  return [...new Set(setOf.values())].filter(({ size }) => size > 1).map((each) => [...each]);
}

type Bag = Record<string, unknown>;

// What makes two entries of a map the same.
const SAME: Record<string, (entry: Bag) => string> = {
  emails: ({ address }) => String(address).toLowerCase(),
  phones: ({ number }) => String(number).replace(/[^\d+]/g, ''),
  nicknames: ({ name }) => String(name),
  organizations: ({ name }) => String(name),
  titles: ({ name }) => String(name),
  links: ({ uri }) => String(uri),
  onlineServices: ({ uri, user }) => JSON.stringify([uri, user]),
  notes: ({ note }) => String(note).trim(),
  addresses: ({ components, full }) => JSON.stringify([components, full]),
  anniversaries: ({ kind }) => String(kind),
  media: ({ kind }) => String(kind),
};

/** The card that stays is the first; `patch` brings to it what the others know beside it. */
export function merged(cards: readonly [Card, ...Card[]]): Bag {
  const [keep, ...others] = cards;
  const own = keep as unknown as Bag;
  const patch: Bag = {};
  for (const [property, same] of Object.entries(SAME)) {
    const map = { ...(own[property] as Record<string, Bag> | undefined) };
    const there = new Set(Object.values(map).map(same));
    const before = there.size;
    for (const other of others) {
      for (const entry of Object.values(
        ((other as unknown as Bag)[property] ?? {}) as Record<string, Bag>,
      )) {
        if (there.has(same(entry))) continue;
        there.add(same(entry));
        const { pref: _, ...rest } = entry; // what is preferred stays so
        let at = 1;
        while (`m${at}` in map) at += 1;
        map[`m${at}`] = rest;
      }
    }
    if (there.size > before) patch[property] = map;
  }
  // Whatever else only another knows: unknown properties, a name where there was none.
  for (const other of others) {
    for (const [name, value] of Object.entries(other)) {
      if (!(name in own) && !(name in patch) && !(name in SAME)) patch[name] = value;
    }
  }
  return patch;
}

/** Groups in which one of the cards that go is: the one that stays takes its place. */
export function inGroups(
  groups: readonly Contact[],
  keep: Contact,
  gone: readonly Contact[],
): Record<Id, Bag> {
  const away = new Set(gone.map(({ uid }) => plainUid(uid)));
  return Object.fromEntries(
    groups
      .filter((group) => Object.keys(group.members ?? {}).some((uid) => away.has(plainUid(uid))))
      .map((group) => {
        const left = Object.keys(group.members ?? {}).filter((uid) => !away.has(plainUid(uid)));
        const there = left.some((uid) => plainUid(uid) === plainUid(keep.uid));
        const members = there ? left : [...left, keep.uid];
        return [group.id, { members: Object.fromEntries(members.map((uid) => [uid, true])) }];
      }),
  );
}

/** Makes one card of each set. Resolves to what takes it back. */
export async function mergeSets(
  sets: readonly (readonly Contact[])[],
  all: readonly Contact[],
): Promise<() => Promise<void>> {
  const cards = new Map((await readCards(sets.flat().map(({ id }) => id))).map((c) => [c.id, c]));
  const update: Record<Id, Bag> = {};
  const back: Record<Id, Bag> = {};
  const gone: Id[] = [];
  let groups = all.filter(isGroup);
  for (const set of sets) {
    const known = set.flatMap(({ id }) => cards.get(id) ?? []);
    // The one that says most stays.
    known.sort((a, b) => JSON.stringify(b).length - JSON.stringify(a).length);
    const [keep, ...others] = known;
    if (!keep || others.length === 0) continue;
    const patch = merged([keep, ...others]);
    const moved = inGroups(groups, keep, others);
    if (Object.keys(patch).length > 0) {
      update[keep.id] = patch;
      const before = keep as unknown as Bag;
      back[keep.id] = Object.fromEntries(
        Object.keys(patch).map((name) => [name, before[name] ?? null]),
      );
    }
    for (const [id, change] of Object.entries(moved)) {
      const group = groups.find((each) => each.id === id);
      back[id] ??= { members: group?.members ?? null };
      update[id] = change;
    }
    groups = groups.map((each) => ({ ...each, ...moved[each.id] }));
    gone.push(...others.map(({ id }) => id));
  }
  await updateCards(update);
  const restore = await destroyCards(gone);
  return async () => {
    await restore();
    await updateCards(back);
  };
}
