// The one cache of what the server said (TanStack Query), and the names of its entries.
import { QueryCache, QueryClient } from '@tanstack/react-query';

import { DATABASE } from '@/offline/name';

import { Offline, Problem } from './problems';
import { whenSessionEnds } from './session';
import type { Id } from './types';

export const queryKeys = {
  mailboxes: ['mailboxes'] as const,
  email: (id: Id) => ['email', id] as const,
  body: (id: Id) => ['body', id] as const,
  thread: (id: Id) => ['thread', id] as const,
  list: (key: string) => ['list', key] as const,
  snippets: (filter: string) => ['snippets', filter] as const,
  identities: ['identities'] as const,
  settings: ['settings'] as const,
  timeline: (id: Id) => ['timeline', id] as const,
  /** For areas: ['admin', ...], ['settings-page', ...]. */
};

type ReadKept = (key: string) => Promise<unknown>;
let readKept: ReadKept | null = null;

/** `read` gives what was kept under a query's hash for times without a network; undefined: nothing. */
export function whenKeptIsRead(read: ReadKept): void {
  readKept = read;
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      // Freshness comes from the change log (sync.ts), not from clocks and focus.
      staleTime: Infinity,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      retry: (count, error) => {
        if (error instanceof Offline) return count < 3;
        return error instanceof Problem && error.status >= 500 && count < 2;
      },
      retryDelay: (count) => Math.min(8000, 500 * 2 ** count),
      // Requests are made whatever the browser thinks of the network: the server may be this machine.
      networkMode: 'always',
      // What is shown stays shown; for the rest there is what this browser kept.
      persister: async (queryFn, context, query) => {
        try {
          return await queryFn(context);
        } catch (error) {
          const wanted = error instanceof Offline && query.state.data === undefined;
          const kept = wanted ? await readKept?.(query.queryHash) : undefined;
          if (kept === undefined) throw error;
          return kept;
        }
      },
    },
    mutations: { networkMode: 'always' },
  },
});

whenSessionEnds(() => {
  queryClient.clear();
  // Also what an earlier page kept, whose session ended while nobody looked.
  (globalThis as { indexedDB?: IDBFactory }).indexedDB?.deleteDatabase(DATABASE);
});
