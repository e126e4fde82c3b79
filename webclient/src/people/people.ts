// What contacts are called, how they are ordered and found.
import { downloadUrl } from '@/api/blobs';
import type { CardEmail, Contact } from '@/api/contacts';
import type { EmailAddress } from '@/api/types';
import { neutral } from '@/body/links';

const SHOWN = ['title', 'given', 'given2', 'surname', 'surname2', 'generation', 'credential'];

export function part(contact: Pick<Contact, 'name'>, kind: string): string {
  return (contact.name?.components ?? [])
    .filter((each) => each.kind === kind)
    .map((each) => each.value)
    .join(' ');
}

/** The name's parts in the usual order. */
export function joinedName(contact: Pick<Contact, 'name'>): string {
  return SHOWN.map((kind) => part(contact, kind))
    .filter((each) => each !== '')
    .join(' ');
}

const first = <T>(map: Record<string, T> | undefined): T | undefined => Object.values(map ?? {})[0];

/** What somebody is called; '' for a card without anything to be called by. */
export function nameOf(contact: Contact): string {
  const found =
    contact.name?.full?.trim() ||
    joinedName(contact) ||
    first(contact.nicknames)?.name ||
    first(contact.organizations)?.name ||
    first(contact.emails)?.address ||
    first(contact.phones)?.number ||
    '';
  return neutral(found).trim();
}

/** The preferred one first. */
export function byPreference<T extends { pref?: number }>(
  map: Record<string, T> | undefined,
): [string, T][] {
  return Object.entries(map ?? {}).sort(([, a], [, b]) => (a.pref ?? 101) - (b.pref ?? 101));
}

export function emailsOf(contact: Pick<Contact, 'emails'>): CardEmail[] {
  return byPreference(contact.emails).map(([, email]) => email);
}

export function addressOf(contact: Contact): EmailAddress | null {
  const email = emailsOf(contact)[0]?.address;
  return email === undefined ? null : { name: nameOf(contact), email };
}

/** Title and organisation, as one reads them on a card. */
export function workOf(contact: Contact): string {
  const organization = first(contact.organizations);
  return [
    ...Object.values(contact.titles ?? {}).map(({ name }) => name),
    organization?.name,
    ...(organization?.units ?? []).map(({ name }) => name),
  ]
    .filter((each) => each !== undefined && each !== '')
    .join(', ');
}

const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** Where the photo is shown from; null: there is none that a browser shows. */
export function photoUrl(contact: Contact): string | null {
  const photo = Object.values(contact.media ?? {}).find(({ kind }) => kind === 'photo');
  if (!photo?.blobId || !PICTURES.test(photo.mediaType ?? '')) return null;
  return `${downloadUrl(photo.blobId, 'photo', photo.mediaType ?? '')}&disposition=inline`;
}

export const isGroup = (contact: Contact): boolean => contact.kind === 'group';

/** Members are named by uid, and many programs write it with, others without "urn:uuid:". */
export const plainUid = (uid: string): string => uid.toLowerCase().replace(/^urn:uuid:/, '');

export function membersOf(group: Contact, all: readonly Contact[]): Contact[] {
  const wanted = new Set(Object.keys(group.members ?? {}).map(plainUid));
  return all.filter((each) => !isGroup(each) && wanted.has(plainUid(each.uid)));
}

export function groupsOf(contact: Contact, groups: readonly Contact[]): Contact[] {
  const uid = plainUid(contact.uid);
  return groups.filter((group) =>
    Object.keys(group.members ?? {}).some((each) => plainUid(each) === uid),
  );
}

// -- order ---------------------------------------------------------------------------------------------------

export function inOrder(list: readonly Contact[], locale: string): Contact[] {
  const collator = new Intl.Collator(locale, { numeric: true, sensitivity: 'base' });
  // Names that begin with no letter stand at the end, as the letters beside the list have it.
  const named = list.map((contact) => {
    const name = nameOf(contact);
    return { contact, name, other: letterOf(name) === OTHER };
  });
  named.sort(
    (a, b) =>
      Number(a.other) - Number(b.other) ||
      collator.compare(a.name, b.name) ||
      (a.contact.id < b.contact.id ? -1 : 1),
  );
  return named.map(({ contact }) => contact);
}

export const OTHER = '#';

/** The letter under which a name stands: without its accents, in upper case. */
export function letterOf(name: string): string {
  const letter = /\p{L}|\p{N}/u.exec(name)?.[0] ?? '';
  if (!/\p{L}/u.test(letter)) return OTHER;
  return letter.normalize('NFD').charAt(0).toLocaleUpperCase();
}

// -- finding -------------------------------------------------------------------------------------------------

export function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** All that the search looks at. */
function textOf(contact: Contact): string {
  return folded(
    [
      nameOf(contact),
      joinedName(contact),
      ...Object.values(contact.nicknames ?? {}).map(({ name }) => name),
      workOf(contact),
      ...Object.values(contact.emails ?? {}).map(({ address }) => address),
      ...Object.values(contact.phones ?? {}).map(
        ({ number }) => `${number} ${number.replace(/\D/g, '')}`,
      ),
    ].join('\n'),
  );
}

const texts = new WeakMap<Contact, string>();

/** Those in which each word stands somewhere. */
export function found(list: readonly Contact[], words: string): readonly Contact[] {
  const wanted = folded(words)
    .split(/\s+/)
    .filter((each) => each !== '');
  if (wanted.length === 0) return list;
  return list.filter((contact) => {
    const text = texts.get(contact) ?? textOf(contact);
    texts.set(contact, text);
    return wanted.every((word) => text.includes(word));
  });
}

/** The contact that has this address. */
export function withAddress(list: readonly Contact[], address: string): Contact | undefined {
  const wanted = address.toLowerCase();
  return list.find((each) =>
    Object.values(each.emails ?? {}).some((email) => email.address.toLowerCase() === wanted),
  );
}
