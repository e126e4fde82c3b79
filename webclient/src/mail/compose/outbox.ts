// Drafts that the server could not be given yet, kept in this browser until it has them. An end of the
// session does not empty it: what was written must outlive a session that ran out while one wrote.
import { openDB } from 'idb';

import { accountId } from '@/api/session';

import type { Draft } from './draft';

interface Kept {
  key: string;
  account: string;
  draft: Draft;
}

const database = () =>
  openDB('mailsys-outbox', 1, {
    upgrade: (db) => {
      db.createObjectStore('drafts', { keyPath: 'key' });
    },
  });

export async function keep(key: string, draft: Draft): Promise<void> {
  const kept: Kept = { key, account: accountId(), draft };
  await (await database()).put('drafts', kept);
}

export async function forget(key: string): Promise<void> {
  await (await database()).delete('drafts', key);
}

/** Takes out what an earlier page left. */
export async function left(): Promise<Draft[]> {
  const db = await database();
  const all = (await db.getAll('drafts')) as Kept[];
  const mine = all.filter((each) => each.account === accountId());
  for (const each of mine) await db.delete('drafts', each.key);
  return mine.map((each) => each.draft);
}
