// Drafts that the server could not be given yet, kept in this browser until it has them. An end of the
// session does not empty it: what was written must outlive a session that ran out while one wrote.
import { type IDBPDatabase, openDB } from 'idb';

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

const awaited = new Set<string>();
let opened: Promise<IDBPDatabase> | null = null;

// Opened once: when the page is left, there is no time to open it.
function database(): Promise<IDBPDatabase> {
  opened ??= openDB('mailsys-outbox', 1, {
    upgrade: (db) => {
      db.createObjectStore('drafts', { keyPath: 'key' });
    },
    terminated: () => {
      opened = null;
    },
  }).catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

export async function keep(key: string, draft: Draft): Promise<void> {
  const kept: Kept = { key, account: accountId(), page, draft };
  const turn = (await database()).transaction('drafts', 'readwrite');
  // Committed with what is asked for, and not when the answer has come: the page may be gone by then.
  const put = turn.store.put(kept);
  turn.commit();
  await Promise.all([put, turn.done]);
}

export async function forget(key: string): Promise<void> {
  await (await database()).delete('drafts', key);
}

/**
 * What pages left that are gone; from here on it is this page's. It stays until it is saved or discarded.
 * `later` is called when a page is gone that still stands now: one that is being left may for a moment.
 */
export async function left(later: () => void): Promise<{ key: string; draft: Draft }[]> {
  const held = new Set((await locks?.query())?.held?.map((each) => each.name));
  const turn = (await database()).transaction('drafts', 'readwrite');
  const all = (await turn.store.getAll()) as Kept[];
  const others = all.filter((each) => each.account === accountId() && each.page !== page);
  const mine = others.filter((each) => !held.has(LOCK + each.page));
  for (const each of mine) await turn.store.put({ ...each, page });
  await turn.done;
  for (const each of others) {
    if (mine.includes(each) || awaited.has(each.page)) continue;
    awaited.add(each.page);
    void locks?.request(LOCK + each.page, () => undefined).then(later, later);
  }
  return mine;
}
