// Who is signed in: one store, filled by GET /api/v1/session at the start and by signing in.
import { create } from 'zustand';

import { fetchOrThrow, Problem } from './problems';
import type { Id, JmapSession } from './types';

export interface Me {
  accountId: Id;
  address: string;
  name: string;
  admin: boolean;
  adminOf: string[];
  secondFactor: boolean;
  csrf: string;
  sessionId: string;
  expires: string | null;
  scopes: string[];
  features: {
    registration: 'off' | 'invite' | 'open';
    messageSize: number;
    uploadSize: number;
  };
}

interface SessionState {
  /** null: nobody; undefined: not known yet. */
  me: Me | null | undefined;
  jmap: JmapSession | null;
}

export const useSession = create<SessionState>()(() => ({ me: undefined, jmap: null }));

const onEnd: (() => void)[] = [];

/** `run` when somebody signs out or the session is over: caches are wiped, sockets closed. */
export function whenSessionEnds(run: () => void): void {
  onEnd.push(run);
}

/** Reads who is signed in; null for nobody. Offline is thrown. */
export async function loadSession(): Promise<Me | null> {
  const known = useSession.getState().me;
  if (known !== undefined) return known;
  try {
    const response = await fetchOrThrow('/api/v1/session');
    await startSession((await response.json()) as Me);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    endSession(); // with what this browser kept of the one before
  }
  return useSession.getState().me ?? null;
}

/** After signing in: `me` is the answer's `session`. */
export async function startSession(me: Me): Promise<void> {
  // The cookie and the token are set now; the JMAP session is read with them.
  const response = await fetchOrThrow('/jmap/session');
  useSession.setState({ me, jmap: (await response.json()) as JmapSession });
}

/** The session is over, whoever ended it. The routes send one to /sign-in. */
export function endSession(): void {
  if (useSession.getState().me === null) return;
  useSession.setState({ me: null, jmap: null });
  for (const run of onEnd) run();
}

/** Asks whether the session still holds; ended elsewhere, it ends here as well. */
export async function checkSession(): Promise<void> {
  try {
    await fetchOrThrow('/api/v1/session');
  } catch (error) {
    if (error instanceof Problem && error.status === 401) endSession();
  }
}

export async function signOut(): Promise<void> {
  try {
    await fetchOrThrow('/api/v1/session', { method: 'DELETE', headers: csrfHeader() });
  } finally {
    endSession();
  }
}

export function csrfHeader(): Record<string, string> {
  const csrf = useSession.getState().me?.csrf;
  return csrf ? { 'X-CSRF-Token': csrf } : {};
}

export function accountId(): Id {
  const me = useSession.getState().me;
  if (!me) throw new Problem(401, 'Unauthorized', '');
  return me.accountId;
}

/** The signed-in person, in components below the guarded routes. */
export function useMe(): Me {
  const me = useSession((state) => state.me);
  if (!me) throw new Problem(401, 'Unauthorized', '');
  return me;
}
