// Keeps what is read for times without a network, true to the server's changes, within bounds.
import { hashKey, type Query } from '@tanstack/react-query';

import { queryClient, queryKeys, whenKeptIsRead } from '@/api/cache';
import { knownEmail, MOVING, whenEmailsMove } from '@/api/email';
import { jmap, limit, pieces } from '@/api/jmap';
import { MethodError } from '@/api/problems';
import { renewPush } from '@/api/push';
import { useSession, whenSessionEnds } from '@/api/session';
import { ensureIdentities } from '@/api/submissions';
import { stateOf, whenConnected } from '@/api/sync';
import type { ChangesResponse, EmailSummary, GetResponse, Id } from '@/api/types';
import { resumeWrites, whenWaitingChanges } from '@/api/writes';

import {
  type Database,
  type Entry,
  evict,
  fact,
  leftWrites,
  openKept,
  putWrites,
} from './database';
import { formOf, KINDS } from './kinds';

const PAUSE = 1000; // milliseconds in which changes are gathered
const TIDY_AFTER = 200; // entries
const MOST_ROUNDS = 20; // of Email/changes

let opened: Promise<Database> | null = null;
/**
 * It is whose session this is, and written to. Not before that is known; and over until the next start when
 * the session ended, another window wiped, or there is no room.
 */
let open = false;
/** The account for which all that belongs to a start was done, or is under way. */
let started: Id | null = null;
/** What is kept stands for a state of Email. */
let caughtUp = false;

function database(): Promise<Database> {
  opened ??= openKept(() => {
    open = false;
    opened = null;
  });
  return opened;
}

/** Goes on as who was signed in when there was a network last; false: nobody, or not any more. */
export async function resume(): Promise<boolean> {
  const session = await fact(await database(), 'session');
  if (!session) return false;
  const { expires } = session.me;
  if (expires !== null && Date.parse(expires) <= Date.now()) return false;
  useSession.setState(session);
  open = true;
  return true;
}

/** Begins to keep. Called at each navigation of somebody who is signed in, with or without a network. */
export async function startKeeping(): Promise<void> {
  const { me, jmap: session } = useSession.getState();
  if (!me || !session || started === me.accountId) return;
  started = me.accountId;
  try {
    const db = await database();
    if ((await fact(db, 'session'))?.me.accountId !== me.accountId) {
      await Promise.all([db.clear('entries'), db.clear('facts')]);
    }
    if (useSession.getState().me !== me) return; // ended meanwhile
    await db.put('facts', { me, jmap: session }, 'session');
    open = true;
    await takeOverWrites(db);
    // What was read before.
    for (const query of queryClient.getQueryCache().getAll()) note(query);
    caughtUp = false;
    await catchUpOnEmails(db);
    caughtUp = true;
    await ensureIdentities(); // nobody can write without
    await renewPush();
  } catch {
    // Without a network there is nothing to compare with; without a database nothing is kept.
    started = null;
  }
}

// Held as long as this page lives, so that others leave its changes to it.
const LOCK = 'mailsys-keeping-';
const page = String(crypto.getRandomValues(new Uint32Array(2)));
const { locks } = navigator as Partial<Navigator>;
void locks?.request(LOCK + page, () => new Promise(() => undefined));

async function takeOverWrites(db: Database): Promise<void> {
  const held = new Set((await locks?.query())?.held?.map((each) => each.name));
  const left = await leftWrites(db, (each) => each === page || held.has(LOCK + each));
  resumeWrites([...left.values()].flat());
  for (const each of left.keys()) await putWrites(db, each, []);
}

// -- reading -------------------------------------------------------------------------------------------------

const shownFromHere = new Set<string>();

whenKeptIsRead(async (key) => {
  if (!open) return undefined;
  const entry = await (await database()).get('entries', key);
  if (!entry) return undefined;
  shownFromHere.add(key);
  return entry.data;
});

// What was shown from here may be old: it is read anew as soon as there is somebody to ask.
whenConnected(() => {
  if (shownFromHere.size === 0) return;
  const old = new Set(shownFromHere);
  shownFromHere.clear();
  const predicate = ({ queryHash }: Query) => old.has(queryHash);
  queryClient.removeQueries({ predicate, type: 'inactive' });
  void queryClient.invalidateQueries({ predicate });
});

// -- writing -------------------------------------------------------------------------------------------------

const dirty = new Set<string>();
let timer = 0;
let written = 0;

function note({ queryKey, queryHash }: Pick<Query, 'queryKey' | 'queryHash'>): void {
  const [kind] = queryKey;
  if (typeof kind !== 'string' || !(kind in KINDS)) return;
  dirty.add(queryHash);
  if (timer === 0) timer = window.setTimeout(() => void flush(), PAUSE);
}

queryClient.getQueryCache().subscribe((event) => {
  if (!open || event.type !== 'updated' || event.action.type !== 'success') return;
  // What was taken from here and not changed since is here already.
  if (shownFromHere.has(event.query.queryHash) && !event.action.manual) return;
  note(event.query as Query);
});

async function flush(): Promise<void> {
  timer = 0;
  const keys = [...dirty];
  dirty.clear();
  const cache = queryClient.getQueryCache();
  const entries = keys.flatMap((key): Entry[] => {
    const query = cache.get(key);
    const kind: unknown = query?.queryKey[0];
    if (typeof kind !== 'string' || query?.state.data === undefined) return [];
    const form = formOf(kind, query.state.data);
    return form ? [{ key, kind, ...form, at: Date.now() }] : [];
  });
  if (!open) return;
  try {
    const db = await database();
    const transaction = db.transaction(['entries', 'facts'], 'readwrite');
    for (const entry of entries) void transaction.objectStore('entries').put(entry);
    const state = stateOf('Email');
    if (caughtUp && state !== undefined)
      void transaction.objectStore('facts').put(state, 'emailState');
    await transaction.done;
    written += entries.length;
    if (written < TIDY_AFTER) return;
    written = 0;
    for (const [kind, most] of Object.entries(KINDS)) await evict(db, kind, most);
  } catch {
    open = false; // no room, or no database any more
  }
}

whenWaitingChanges((writes) => {
  if (!open) return;
  database()
    .then((db) => putWrites(db, page, writes))
    .catch(() => undefined); // they are lost if the page is left before there is a network
});

// -- changes -------------------------------------------------------------------------------------------------

const emailKey = (id: Id) => hashKey(queryKeys.email(id));

/** What happened while this browser was away. */
async function catchUpOnEmails(db: Database): Promise<void> {
  let since = await fact(db, 'emailState');
  try {
    for (let round = 0; since !== undefined && round < MOST_ROUNDS; round += 1) {
      const changes: ChangesResponse = await jmap('Email/changes', { sinceState: since });
      await take(db, changes.updated, changes.destroyed);
      since = changes.newState;
      await db.put('facts', since, 'emailState');
      if (!changes.hasMoreChanges) return;
    }
  } catch (error) {
    if (!(error instanceof MethodError)) throw error;
  }
  if (since !== undefined) await db.clear('entries'); // too much, or the log reaches not that far back
}

async function take(db: Database, updated: readonly Id[], destroyed: readonly Id[]): Promise<void> {
  for (const id of destroyed) {
    await db.delete('entries', emailKey(id));
    await db.delete('entries', hashKey(queryKeys.body(id)));
  }
  const here: Id[] = [];
  for (const id of updated) if (await db.getKey('entries', emailKey(id))) here.push(id);
  for (const ids of pieces(here, limit('maxObjectsInGet', 500))) {
    const { list } = await jmap<GetResponse<EmailSummary>>('Email/get', {
      ids,
      properties: ['id', ...MOVING],
    });
    for (const now of list) {
      const entry = await db.get('entries', emailKey(now.id));
      if (!entry) continue;
      const data = { ...(entry.data as EmailSummary), ...now };
      await db.put('entries', { ...entry, data });
    }
  }
}

// While the page is open: those in the cache are written with it, the others are only here.
whenEmailsMove((updated, destroyed) => {
  if (!open) return;
  const others = updated?.filter((id) => !knownEmail(id));
  database()
    .then((db) => (others ? take(db, others, destroyed) : db.clear('entries')))
    .catch(() => undefined); // the next start catches up
});

// -- the end -------------------------------------------------------------------------------------------------

whenSessionEnds(() => {
  open = false;
  started = null;
  window.clearTimeout(timer);
  timer = 0;
  dirty.clear();
  shownFromHere.clear();
  const before: Promise<Database> | null = opened;
  opened = null;
  // What was kept is deleted where the cache is emptied (api/cache.ts).
  void before?.then((db) => db.close()).catch(() => undefined);
});
