// The person's settings: one object on the server, typed here, with defaults for what is not set. Only
// theme and density are also kept in localStorage, so that the first paint is right.
import { useQuery } from '@tanstack/react-query';

import { queryClient, queryKeys } from './cache';
import { apiV1 } from './v1';

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
};

async function load(): Promise<Settings> {
  return complete(await apiV1<Record<string, unknown>>('GET', '/settings'));
}

/** What is stored may be older, newer or broken: a value of another kind than the default's is dropped. */
function complete(stored: Record<string, unknown>): Settings {
  const found: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const given = stored[name];
    if (given === undefined) continue;
    const fits =
      value === null
        ? given === null || typeof given === 'string'
        : typeof given === typeof value &&
          Array.isArray(given) === Array.isArray(value) &&
          given !== null;
    if (fits) found[name] = given;
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
    await apiV1<unknown>('PATCH', '/settings', { body: change });
  } catch (error) {
    const undone = Object.fromEntries(
      Object.keys(change).map((name) => [name, before[name as keyof Settings]]),
    );
    queryClient.setQueryData<Settings>(queryKeys.settings, { ...settings(), ...undone });
    throw error;
  }
}
