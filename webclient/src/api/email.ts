// Emails and threads in the cache: loaded in batches, patched by changes and by our own writes.
import { useQueries, useQuery, type UseQueryResult } from '@tanstack/react-query';

import { queryClient, queryKeys } from './cache';
import { chain, jmap, limit, pieces } from './jmap';
import { MethodError } from './problems';
import { noteState, onChanges } from './sync';
import type {
  ChangesResponse,
  EmailBody,
  EmailSummary,
  GetResponse,
  Id,
  Snoozed,
  Thread,
} from './types';

export const LIST_PROPERTIES = [
  'id',
  'blobId',
  'threadId',
  'mailboxIds',
  'keywords',
  'size',
  'receivedAt',
  'sentAt',
  'subject',
  'from',
  'to',
  'cc',
  'preview',
  'hasAttachment',
  'snoozed',
];

export const BODY_PROPERTIES = [
  'id',
  'messageId',
  'inReplyTo',
  'references',
  'bcc',
  'replyTo',
  'sender',
  'textBody',
  'htmlBody',
  'attachments',
  'bodyValues',
  'header:List-Unsubscribe:asURLs',
  'header:List-Unsubscribe-Post:asText',
  'header:List-Id:asText',
  'header:List-Post:asURLs',
  'header:Mail-Followup-To:asAddresses',
  'header:Auto-Submitted:asText',
  'isNewToThread',
  'verdict',
];

// A body longer than this is shown cut, with a link to the whole message.
export const LONGEST_BODY = 2 * 1024 * 1024;

// -- loading in batches ------------------------------------------------------------------------------------

interface Wanted<T> {
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
}

/** Gathers the ids asked for in one turn into one Foo/get. */
function batched<T extends { id: Id }>(type: string, args: Record<string, unknown>) {
  let wanted = new Map<Id, Wanted<T>[]>();
  const fetchNow = async (batch: Map<Id, Wanted<T>[]>, ids: Id[]): Promise<void> => {
    try {
      const answer = await jmap<GetResponse<T>>(`${type}/get`, { ids, ...args });
      noteState(type, answer.state);
      const found = new Map(answer.list.map((each) => [each.id, each]));
      for (const id of ids) {
        for (const waiter of batch.get(id) ?? []) {
          const value = found.get(id);
          if (value) waiter.resolve(value);
          else waiter.reject(new MethodError('notFound', ''));
        }
      }
    } catch (error) {
      for (const id of ids) for (const waiter of batch.get(id) ?? []) waiter.reject(error);
    }
  };
  return (id: Id): Promise<T> =>
    new Promise((resolve, reject) => {
      if (wanted.size === 0) {
        queueMicrotask(() => {
          const batch = wanted;
          wanted = new Map();
          for (const ids of pieces([...batch.keys()], limit('maxObjectsInGet', 500))) {
            void fetchNow(batch, ids);
          }
        });
      }
      const waiters = wanted.get(id);
      if (waiters) waiters.push({ resolve, reject });
      else wanted.set(id, [{ resolve, reject }]);
    });
}

const getEmail = batched<EmailSummary>('Email', { properties: LIST_PROPERTIES });
const getThread = batched<Thread>('Thread', {});
const getBody = batched<EmailBody>('Email', {
  properties: BODY_PROPERTIES,
  bodyProperties: ['partId', 'blobId', 'size', 'name', 'type', 'charset', 'disposition', 'cid'],
  fetchTextBodyValues: true,
  fetchHTMLBodyValues: true,
  maxBodyValueBytes: LONGEST_BODY,
});

const emailQuery = (id: Id) => ({
  queryKey: queryKeys.email(id),
  queryFn: async () => overlaid(await getEmail(id)),
});
const threadQuery = (id: Id) => ({ queryKey: queryKeys.thread(id), queryFn: () => getThread(id) });
const bodyQuery = (id: Id) => ({ queryKey: queryKeys.body(id), queryFn: () => getBody(id) });

export const useEmail = (id: Id) => useQuery(emailQuery(id));
export const useThread = (id: Id) => useQuery(threadQuery(id));
export const useBody = (id: Id, enabled = true) => useQuery({ ...bodyQuery(id), enabled });
export const ensureEmail = (id: Id) =>
  queryClient.query({ ...emailQuery(id), staleTime: 'static' });
export const ensureThread = (id: Id) =>
  queryClient.query({ ...threadQuery(id), staleTime: 'static' });
export const ensureBody = (id: Id) => queryClient.query({ ...bodyQuery(id), staleTime: 'static' });
export const prefetchBody = (id: Id): void => {
  queryClient.query({ ...bodyQuery(id), staleTime: 'static' }).catch(() => undefined);
};

const NO_IDS: Id[] = [];

function combined(results: UseQueryResult<EmailSummary>[]) {
  return {
    emails: results.map((each) => each.data).filter((each) => each !== undefined),
    waiting: results.some((each) => each.isPending),
    error: results.find((each) => each.error)?.error ?? null,
  };
}

/** The loaded emails of a thread, oldest first; the same array while none of them changes. */
export function useThreadEmails(threadId: Id): {
  emails: EmailSummary[];
  pending: boolean;
  error: Error | null;
} {
  const thread = useThread(threadId);
  const ids = thread.data?.emailIds ?? NO_IDS;
  const { emails, waiting, error } = useQueries({
    queries: ids.map(emailQuery),
    combine: combined,
  });
  const none = emails.length === 0;
  return {
    emails,
    pending: thread.isPending || (none && waiting),
    error: thread.error ?? (none ? error : null),
  };
}

// -- what is known ---------------------------------------------------------------------------------------

export function knownEmail(id: Id): EmailSummary | undefined {
  return queryClient.getQueryData<EmailSummary>(queryKeys.email(id));
}

export function knownThread(id: Id): Thread | undefined {
  return queryClient.getQueryData<Thread>(queryKeys.thread(id));
}

export function storeEmails(list: readonly EmailSummary[], state: string): void {
  noteState('Email', state);
  for (const email of list) queryClient.setQueryData(queryKeys.email(email.id), overlaid(email));
}

export function storeThreads(list: readonly Thread[], state: string): void {
  noteState('Thread', state);
  for (const thread of list) queryClient.setQueryData(queryKeys.thread(thread.id), thread);
}

/** What a write changes: keyword or mailbox to whether it is set. */
export interface EmailPatch {
  keywords?: Record<string, boolean>;
  mailboxIds?: Record<Id, boolean>;
  /** How it waits from now on; null: no more. Where it lies, mailboxIds say. */
  snoozed?: Snoozed | null;
}

// Patches on their way to the server: what arrives meanwhile may be older than they are.
const underWay = new Map<Id, Set<EmailPatch>>();

export function patched<T extends EmailSummary>(email: T, patch: EmailPatch): T {
  const apply = (before: Record<string, boolean>, change: Record<string, boolean> = {}) => {
    const after = { ...before };
    for (const [name, on] of Object.entries(change)) {
      if (on) after[name] = true;
      else delete after[name];
    }
    return after;
  };
  return {
    ...email,
    keywords: apply(email.keywords, patch.keywords),
    mailboxIds: apply(email.mailboxIds, patch.mailboxIds),
    snoozed: patch.snoozed === undefined ? email.snoozed : patch.snoozed,
  };
}

function overlaid(email: EmailSummary): EmailSummary {
  let found = email;
  for (const patch of underWay.get(email.id) ?? []) found = patched(found, patch);
  return found;
}

/** Shows patches at once. The result takes them back (`undo`) or says that they are the server's now. */
export function applyPatches(patches: ReadonlyMap<Id, EmailPatch>): {
  settle: () => void;
  undo: () => void;
} {
  const before = new Map<Id, EmailSummary>();
  for (const [id, patch] of patches) {
    const set = underWay.get(id) ?? new Set();
    underWay.set(id, set.add(patch));
    const email = knownEmail(id);
    if (email) {
      before.set(id, email);
      queryClient.setQueryData(queryKeys.email(id), patched(email, patch));
    }
  }
  const settle = () => {
    for (const [id, patch] of patches) {
      const set = underWay.get(id);
      set?.delete(patch);
      if (set?.size === 0) underWay.delete(id);
    }
  };
  return {
    settle,
    undo: () => {
      settle();
      for (const [id, email] of before)
        queryClient.setQueryData(queryKeys.email(id), overlaid(email));
    },
  };
}

// What of an email changes.
export const MOVING = ['keywords', 'mailboxIds', 'snoozed'] as const;

// -- changes ------------------------------------------------------------------------------------------------

const refreshers = new Set<() => void>();

/** `refresh` whenever emails came, went or changed: lists read their visible window again. */
export function whenEmailsChange(refresh: () => void): () => void {
  refreshers.add(refresh);
  return () => refreshers.delete(refresh);
}

let changes = 0;

/** Grows whenever emails came, went or changed: a list that was asked for before may be older than that. */
export const changeEpoch = (): number => changes;

export function refreshLists(): void {
  changes += 1;
  for (const refresh of refreshers) refresh();
}

type Moves = (updated: readonly Id[] | null, destroyed: readonly Id[]) => void;
const movers = new Set<Moves>();

/** Told of each step of changes, for what is held outside the cache. null: anything may have changed. */
export function whenEmailsMove(run: Moves): void {
  movers.add(run);
}

onChanges('Email', async (since) => {
  refreshLists(); // in the same request as the question what changed
  let state = since;
  const touched = new Set<Id>();
  try {
    for (;;) {
      const changes = await jmap<ChangesResponse>('Email/changes', { sinceState: state });
      state = changes.newState;
      for (const id of changes.updated) if (knownEmail(id)) touched.add(id);
      for (const id of changes.destroyed) {
        queryClient.removeQueries({ queryKey: queryKeys.email(id) });
        queryClient.removeQueries({ queryKey: queryKeys.body(id) });
      }
      for (const run of movers) run(changes.updated, changes.destroyed);
      if (!changes.hasMoreChanges) break;
    }
  } catch (error) {
    if (!(error instanceof MethodError) || error.type !== 'cannotCalculateChanges') throw error;
    for (const run of movers) run(null, []);
    await queryClient.invalidateQueries({ queryKey: ['email'] });
    return undefined;
  }
  for (const ids of pieces([...touched], limit('maxObjectsInGet', 500))) {
    const answer = await jmap<GetResponse<Pick<EmailSummary, 'id' | (typeof MOVING)[number]>>>(
      'Email/get',
      { ids, properties: ['id', ...MOVING] },
    );
    for (const now of answer.list) {
      const email = knownEmail(now.id);
      if (email) queryClient.setQueryData(queryKeys.email(now.id), overlaid({ ...email, ...now }));
    }
  }
  return state;
});

onChanges('Thread', async (since) => {
  let state = since;
  const touched = new Set<Id>();
  try {
    for (;;) {
      const [changes] = (await chain(['Thread/changes', { sinceState: state }])) as [
        ChangesResponse,
      ];
      state = changes.newState;
      for (const id of [...changes.created, ...changes.updated])
        if (knownThread(id)) touched.add(id);
      for (const id of changes.destroyed)
        queryClient.removeQueries({ queryKey: queryKeys.thread(id) });
      if (!changes.hasMoreChanges) break;
    }
  } catch (error) {
    if (!(error instanceof MethodError) || error.type !== 'cannotCalculateChanges') throw error;
    await queryClient.invalidateQueries({ queryKey: ['thread'] });
    return undefined;
  }
  for (const ids of pieces([...touched], limit('maxObjectsInGet', 500))) {
    const answer = await jmap<GetResponse<Thread>>('Thread/get', { ids });
    for (const thread of answer.list) queryClient.setQueryData(queryKeys.thread(thread.id), thread);
  }
  return state;
});
