// Drafts that the server could not be given yet, kept in this browser until it has them. An end of the
// session does not empty it: what was written must outlive a session that ran out while one wrote.
import { openDB } from 'idb';

import { accountId } from '@/api/session';

import type { Draft } from './draft';

interface Kept {
  key: string;
  account: string;
  /** The page that has it open still. */
  page: string;
  draft: Draft;
}

const LOCK = 'mailsys-writing-';

/** Random; also where there is no secure context. */
export function token(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))]
    .map((each) => each.toString(16).padStart(2, '0'))
    .join('');
}

const page = token();
// Held as long as this page lives, so that another page leaves alone what is being written here.
const locks = (navigator as { locks?: LockManager }).locks;
void locks?.request(LOCK + page, () => new Promise(() => undefined));

const database = () =>
  openDB('mailsys-outbox', 1, {
    upgrade: (db) => {
      db.createObjectStore('drafts', { keyPath: 'key' });
    },
  });

export async function keep(key: string, draft: Draft): Promise<void> {
  const kept: Kept = { key, account: accountId(), page, draft };
  await (await database()).put('drafts', kept);
}

export async function forget(key: string): Promise<void> {
  await (await database()).delete('drafts', key);
}

/** What pages left that are gone; from here on it is this page's. It stays until it is saved or discarded. */
export async function left(): Promise<{ key: string; draft: Draft }[]> {
  const db = await database();
  const held = new Set((await locks?.query())?.held?.map((each) => each.name));
  const all = (await db.getAll('drafts')) as Kept[];
  const mine = all.filter(
    (each) => each.account === accountId() && each.page !== page && !held.has(LOCK + each.page),
  );
  for (const each of mine) await db.put('drafts', { ...each, page });
  return mine;
}
