// A list of conversations of any length: an array over the full count, filled where somebody looks.
import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useRef } from 'react';

import { queryClient, queryKeys } from './cache';
import { changeEpoch, LIST_PROPERTIES, storeEmails, storeThreads, whenEmailsChange } from './email';
import { chain, ref } from './jmap';
import { MethodError } from './problems';
import type { EmailFilter, EmailSummary, GetResponse, Id, QueryResponse, Thread } from './types';
import { ORDER, writeEpoch, writesDone, writing } from './writes';

export interface ListQuery {
  filter: EmailFilter;
  /** One row per conversation. */
  collapse: boolean;
  /** The mailbox in which what was snoozed stands at the time it came back, or waits for. */
  snoozes?: Id;
  /** What comes back first stands first: the mailbox where it waits. */
  soonest?: boolean;
}

export interface Row {
  /** The newest email of the conversation that matches. */
  id: Id;
  threadId: Id;
  /** Which reading of the list it is of; older ones are read again when looked at. */
  generation: number;
}

export interface ListData {
  total: number;
  rows: (Row | undefined)[];
  queryState: string;
  generation: number;
}

const PAGE = 50;
// Readings of a window while mail comes in.
const MOST_ROUNDS = 3;

function orderOf({ snoozes, soonest = false }: ListQuery) {
  return snoozes === undefined
    ? ORDER
    : [{ property: 'snoozedUntil', mailboxId: snoozes, isAscending: soonest }];
}

export const listKeyOf = (query: ListQuery) => JSON.stringify(query);

interface Window {
  position: number;
  rows: { id: Id; threadId: Id }[];
  total: number;
  queryState: string;
}

type Where = { position: number } | { anchor: Id; anchorOffset: number };

async function readWindow(query: ListQuery, where: Where, limit: number): Promise<Window> {
  for (let round = 1; ; round += 1) {
    await writesDone();
    const epoch = writeEpoch();
    const changes = changeEpoch();
    const found = await readOnce(query, where, limit);
    // Mail that keeps pouring in does not hold a list up for ever: what came last is read next.
    const current = changes === changeEpoch() || round >= MOST_ROUNDS;
    if (epoch === writeEpoch() && !writing() && current) return found;
  }
}

async function readOnce(query: ListQuery, where: Where, limit: number): Promise<Window> {
  const [found, got, threads] = (await chain(
    [
      'Email/query',
      {
        filter: query.filter,
        sort: orderOf(query),
        collapseThreads: query.collapse,
        calculateTotal: true,
        limit,
        ...where,
      },
    ],
    ['Email/get', { ids: ref(0, '/ids'), properties: LIST_PROPERTIES }],
    ['Thread/get', { ids: ref(1, '/list/*/threadId') }],
  )) as [QueryResponse, GetResponse<EmailSummary>, GetResponse<Thread>];
  storeEmails(got.list, got.state);
  storeThreads(threads.list, threads.state);
  const threadOf = new Map(got.list.map((email) => [email.id, email.threadId]));
  return {
    position: found.position,
    rows: found.ids.flatMap((id) => {
      const threadId = threadOf.get(id);
      return threadId === undefined ? [] : [{ id, threadId }];
    }),
    total: found.total ?? found.position + found.ids.length,
    queryState: found.queryState,
  };
}

/** The list with a window read anew. `anchor`: the row by which the rest is moved. Exported for its test. */
export function merged(before: ListData | undefined, found: Window, anchor?: Row): ListData {
  const same = before?.queryState === found.queryState && before.total === found.total;
  const generation = (before?.generation ?? 0) + (same ? 0 : 1);
  let rows: (Row | undefined)[];
  if (before && same) {
    rows = before.rows.slice();
  } else {
    rows = new Array<Row | undefined>(found.total).fill(undefined);
    const was = anchor && before ? before.rows.indexOf(anchor) : -1;
    const is = anchor ? found.rows.findIndex((row) => row.threadId === anchor.threadId) : -1;
    const shift = was >= 0 && is >= 0 ? found.position + is - was : 0;
    before?.rows.forEach((row, at) => {
      const to = at + shift;
      if (row && to >= 0 && to < found.total) rows[to] = row;
    });
    // What the new window shows must not stand elsewhere as well.
    const shown = new Set(found.rows.map((row) => row.id));
    const threads = new Set(found.rows.map((row) => row.threadId));
    rows.forEach((row, at) => {
      if (row && (shown.has(row.id) || threads.has(row.threadId))) rows[at] = undefined;
    });
  }
  found.rows.forEach((row, at) => {
    const old = rows[found.position + at];
    rows[found.position + at] =
      old?.id === row.id && old.generation === generation ? old : { ...row, generation };
  });
  return { total: found.total, rows, queryState: found.queryState, generation };
}

function known(key: string): ListData | undefined {
  return queryClient.getQueryData<ListData>(queryKeys.list(key));
}

export interface List {
  data: ListData | undefined;
  error: Error | null;
  /** Reads what is missing between two indexes. */
  ensure: (first: number, last: number) => void;
  /** Reads again what is seen. */
  refresh: () => Promise<void>;
  retry: () => void;
}

/** `firstSeen`: the index of the first visible row; a refresh leaves that row where it is. */
export function useList(query: ListQuery, firstSeen: () => number): List {
  const key = listKeyOf(query);
  const { data, error, refetch } = useQuery({
    queryKey: queryKeys.list(key),
    queryFn: async () => merged(known(key), await readWindow(query, { position: 0 }, PAGE)),
    // Coming back to a folder shows what it was and reads it anew.
    staleTime: 0,
    refetchOnMount: 'always',
    structuralSharing: false,
  });

  const loading = useRef(new Set<string>());
  const ensure = useCallback(
    (first: number, last: number) => {
      const list = known(key);
      if (!list) return;
      for (let page = Math.floor(Math.max(0, first) / PAGE); page * PAGE <= last; page += 1) {
        const from = page * PAGE;
        const to = Math.min(list.total, from + PAGE);
        const missing = list.rows
          .slice(from, to)
          .some((row) => row === undefined || row.generation !== list.generation);
        const mark = `${key} ${page} ${list.generation}`;
        if (!missing || loading.current.has(mark)) continue;
        loading.current.add(mark);
        readWindow(query, { position: from }, PAGE)
          .then((found) => queryClient.setQueryData(queryKeys.list(key), merged(known(key), found)))
          .catch(() => undefined) // the rows stay skeletons; scrolling or the next change asks again
          .finally(() => loading.current.delete(mark));
      }
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key is the query
    [key],
  );

  const refreshing = useRef<{ again: boolean } | null>(null);
  const refresh = useCallback(async () => {
    if (refreshing.current) {
      refreshing.current.again = true;
      return;
    }
    const own = { again: false };
    refreshing.current = own;
    try {
      do {
        own.again = false;
        await refreshOnce(query, key, firstSeen());
      } while (own.again);
    } finally {
      refreshing.current = null;
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key is the query
  }, [key, firstSeen]);

  useEffect(() => whenEmailsChange(() => void refresh().catch(() => undefined)), [refresh]);

  return { data, error: data ? null : error, ensure, refresh, retry: () => void refetch() };
}

async function refreshOnce(query: ListQuery, key: string, first: number): Promise<void> {
  const list = known(key);
  if (!list) return;
  const anchor = first > 0 ? list.rows[first] : undefined;
  let found: Window;
  try {
    found = await readWindow(
      query,
      anchor ? { anchor: anchor.id, anchorOffset: -Math.min(first, 10) } : { position: 0 },
      PAGE,
    );
  } catch (error) {
    if (!(error instanceof MethodError) || error.type !== 'anchorNotFound') throw error;
    found = await readWindow(query, { position: Math.max(0, first - 10) }, PAGE);
  }
  queryClient.setQueryData(queryKeys.list(key), merged(known(key), found, anchor));
}

// -- optimistic changes --------------------------------------------------------------------------------------

/** Takes conversations off the lists for which `leaves` says so; the result puts them back. */
export function removeRows(
  leaves: (query: ListQuery, threadId: Id, emailId: Id) => boolean,
): () => void {
  const before = new Map<string, { was: ListData; is: ListData }>();
  for (const [queryKey, was] of queryClient.getQueriesData<ListData>({ queryKey: ['list'] })) {
    const key = queryKey[1];
    if (!was || typeof key !== 'string') continue;
    const query = JSON.parse(key) as ListQuery;
    const rows = was.rows.filter((row) => !row || !leaves(query, row.threadId, row.id));
    if (rows.length === was.rows.length) continue;
    const is = { ...was, rows, total: was.total - (was.rows.length - rows.length) };
    before.set(key, { was, is });
    queryClient.setQueryData(queryKeys.list(key), is);
  }
  return () => {
    for (const [key, { was, is }] of before) {
      const now = known(key);
      // Only when nothing else moved meanwhile; else the next reading brings them.
      if (now && now.total === is.total) {
        queryClient.setQueryData(queryKeys.list(key), { ...was, queryState: '' });
      }
    }
  };
}
