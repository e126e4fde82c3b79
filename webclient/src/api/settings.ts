// The person's settings: one object on the server, typed here, with defaults for what is not set. Only
// theme and density are also kept in localStorage, so that the first paint is right.
import { useQuery } from '@tanstack/react-query';

import { queryClient, queryKeys } from './cache';
import { fetchOrThrow, Problem } from './problems';
import { csrfHeader, whenSessionEnds } from './session';

export interface Settings {
  theme: 'light' | 'dark' | 'system';
  density: 'compact' | 'normal';
  language: 'auto' | 'en' | 'de';
  /** One row per conversation; else one per message. */
  conversations: boolean;
  /** Seconds in which a sent message can be taken back; 0: none. */
  undoSeconds: 0 | 5 | 10 | 20 | 30;
  /** Images from elsewhere, always through the server's proxy. */
  remoteImages: 'ask' | 'trusted' | 'always';
  /** Lower-case addresses whose images are shown. */
  trustedSenders: string[];
  darkBodies: boolean;
  /** Lower-case addresses whose mail is shown in its own colours. */
  originalColours: string[];
  /** Seconds until an opened message counts as read; -1: only by hand. */
  markReadAfter: number;
  notifications: boolean;
  keySet: 'gmail' | 'outlook' | 'apple';
  keysOff: boolean;
  /** Command id to keys that replace the set's. */
  keyBindings: Record<string, string[]>;
  composeFormat: 'rich' | 'plain';
  defaultIdentity: string | null;
  /** Ask before following a link whose text names another host. */
  askBeforeOddLinks: boolean;
  /** Mailbox id to the name of its colour (mail/labels/colours.ts). */
  labelColours: Record<string, string>;
  savedSearches: SavedSearch[];
  /** Of the panes on a desk, in pixels. */
  sidebarWidth: number;
  listWidth: number;
}

/** A search that is kept in the column of folders. */
export interface SavedSearch {
  name: string;
  q: string;
}

export const DEFAULTS: Settings = {
  theme: 'system',
  density: 'normal',
  language: 'auto',
  conversations: true,
  undoSeconds: 10,
  remoteImages: 'trusted',
  trustedSenders: [],
  darkBodies: true,
  originalColours: [],
  markReadAfter: 0,
  notifications: false,
  keySet: 'gmail',
  keysOff: false,
  keyBindings: {},
  composeFormat: 'rich',
  defaultIdentity: null,
  askBeforeOddLinks: true,
  labelColours: {},
  savedSearches: [],
  sidebarWidth: 232,
  listWidth: 400,
};

// What the server holds, with what other versions of this client put there, and its version.
let stored: Record<string, unknown> = {};
let etag = '';

async function load(): Promise<Settings> {
  const response = await fetchOrThrow('/api/v1/settings');
  etag = response.headers.get('ETag') ?? '';
  stored = (await response.json()) as Record<string, unknown>;
  return complete(stored);
}

/** Another window may have written meanwhile (412): then its settings are read and ours put on top. */
async function store(change: Partial<Settings>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    if (etag === '') await load();
    try {
      const response = await fetchOrThrow('/api/v1/settings', {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json', 'If-Match': etag, ...csrfHeader() },
        body: JSON.stringify({ ...stored, ...change }),
      });
      etag = response.headers.get('ETag') ?? '';
      stored = (await response.json()) as Record<string, unknown>;
      return;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 412 || attempt > 2) throw error;
      etag = '';
    }
  }
}

let writing: Promise<unknown> = Promise.resolve();

whenSessionEnds(() => {
  stored = {};
  etag = '';
});

/** What is stored may be older, newer or broken: a value of another kind than the default's is dropped. */
function complete(given: Record<string, unknown>): Settings {
  const found: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const own = given[name];
    if (own === undefined) continue;
    const fits =
      value === null
        ? own === null || typeof own === 'string'
        : typeof own === typeof value &&
          Array.isArray(own) === Array.isArray(value) &&
          own !== null;
    if (fits) found[name] = own;
  }
  return found as unknown as Settings;
}

const query = { queryKey: queryKeys.settings, queryFn: load, retry: 1 };

/** The settings; the defaults before they arrive, or where nobody is signed in. */
export function useSettings(): Settings {
  return useQuery({ ...query, enabled: false }).data ?? DEFAULTS;
}

export function settings(): Settings {
  return queryClient.getQueryData<Settings>(queryKeys.settings) ?? DEFAULTS;
}

/** Read at the start of a signed-in page. */
export async function ensureSettings(): Promise<void> {
  await queryClient.query({ ...query, staleTime: 'static' });
}

/** Shown at once; taken back, and thrown, when the server refuses. */
export async function updateSettings(change: Partial<Settings>): Promise<void> {
  const before = settings();
  queryClient.setQueryData<Settings>(queryKeys.settings, { ...before, ...change });
  try {
    // One after the other: each write builds on the one before.
    const turn = writing.then(() => store(change));
    writing = turn.catch(() => undefined);
    await turn;
  } catch (error) {
    const undone = Object.fromEntries(
      Object.keys(change).map((name) => [name, before[name as keyof Settings]]),
    );
    queryClient.setQueryData<Settings>(queryKeys.settings, { ...settings(), ...undone });
    throw error;
  }
}
