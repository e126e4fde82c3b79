// Where mail is kept in this browser: one database, of one account at a time, wiped when the session ends.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';

import type { EmailPatch } from '@/api/email';
import type { Me } from '@/api/session';
import type { Id, JmapSession } from '@/api/types';

import { DATABASE } from './name';

export interface Entry {
  /** The query's hash. */
  key: string;
  kind: string;
  data: unknown;
  /** About, in letters. */
  size: number;
  /** When it was written, in milliseconds since 1970. */
  at: number;
}

export interface Facts {
  session: { me: Me; jmap: JmapSession };
  /** The state of Email that the entries stand for (RFC 8620 §5.2). */
  emailState: string;
}

/** Changes that the server does not have yet, in order. */
export type Writes = [Id, EmailPatch][][];

// Beside the facts, one list for each page that has such.
const WRITES = 'writes ';

export async function putWrites(db: Database, page: string, writes: Writes): Promise<void> {
  if (writes.length > 0) await db.put('facts', writes, WRITES + page);
  else await db.delete('facts', WRITES + page);
}

/** What pages left that are gone, page by page. */
export async function leftWrites(
  db: Database,
  lives: (page: string) => boolean,
): Promise<Map<string, Writes>> {
  const found = new Map<string, Writes>();
  for (const key of await db.getAllKeys('facts')) {
    const page = key.startsWith(WRITES) ? key.slice(WRITES.length) : null;
    if (page === null || lives(page)) continue;
    const writes = (await db.get('facts', key)) as Writes | undefined;
    if (writes) found.set(page, writes);
  }
  return found;
}

interface Schema extends DBSchema {
  entries: { key: string; value: Entry; indexes: { age: [string, number, number] } };
  facts: { key: string; value: Facts[keyof Facts] | Writes };
}

export type Database = IDBPDatabase<Schema>;

/** `lost`: another window wipes it; it is closed then. */
export function openKept(lost: () => void): Promise<Database> {
  return openDB<Schema>(DATABASE, 1, {
    upgrade: (db) => {
      db.createObjectStore('entries', { keyPath: 'key' }).createIndex('age', [
        'kind',
        'at',
        'size',
      ]);
      db.createObjectStore('facts');
    },
    blocking: (_old, _new, event) => {
      (event.target as IDBDatabase).close();
      lost();
    },
  });
}

export async function fact<K extends keyof Facts>(
  db: Database,
  name: K,
): Promise<Facts[K] | undefined> {
  return (await db.get('facts', name)) as Facts[K] | undefined;
}

/** The newest entries of a kind stay, up to a number and a size in letters. */
export async function evict(
  db: Database,
  kind: string,
  most: { count: number; size: number },
): Promise<void> {
  const transaction = db.transaction('entries', 'readwrite');
  const range = IDBKeyRange.bound([kind, 0, 0], [kind, Infinity, Infinity]);
  let count = 0;
  let size = 0;
  let cursor = await transaction.store.index('age').openKeyCursor(range, 'prev');
  while (cursor) {
    count += 1;
    size += cursor.key[2];
    if (count > most.count || size > most.size) void transaction.store.delete(cursor.primaryKey);
    cursor = await cursor.continue();
  }
  await transaction.done;
}
