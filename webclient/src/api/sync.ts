// Keeps the cache equal to the server: each type has the state that the cache stands for, and a handler
// that brings it from there to a newer one. Own writes move the state without a question.
import { Live } from './live';
import { checkSession, whenSessionEnds } from './session';

type Handler = (since: string) => Promise<string | undefined>;

const states = new Map<string, string>();
const handlers = new Map<string, Handler>();
const running = new Set<string>();
const again = new Set<string>();

/**
 * `handler` is called with the state that the cache stands for when the server has a newer one; it
 * applies the changes (Foo/changes) and resolves to the state it came to, or undefined when it threw
 * everything away.
 */
export function onChanges(type: string, handler: Handler): void {
  handlers.set(type, handler);
}

// Since when changes are told of: a first reading that was under way then may be older than that.
let following = false;

/** The cache holds data of this state (from a first /get). A later state is reached by changes only. */
export function noteState(type: string, state: string): void {
  if (states.has(type)) return;
  states.set(type, state);
  // Afterwards: what was read is shown first.
  if (following) setTimeout(() => void catchUp(type), 0);
}

/** The state that the cache stands for; undefined: none. */
export const stateOf = (type: string): string | undefined => states.get(type);

/** Our own /set took the type from `before` to `after`; when we were at `before`, nothing was missed. */
export function noteOwnWrite(type: string, before: string | null, after: string): void {
  if (before !== null && states.get(type) === before) states.set(type, after);
}

/** Brings a type up to date. */
export async function catchUp(type: string): Promise<void> {
  const handler = handlers.get(type);
  const since = states.get(type);
  if (!handler || since === undefined) return;
  if (running.has(type)) {
    again.add(type);
    return;
  }
  running.add(type);
  try {
    const reached = await handler(since);
    if (reached === undefined) states.delete(type);
    else if (states.get(type) === since) states.set(type, reached);
  } catch {
    // Offline, or the server failed: the next connection asks again from the same state.
  } finally {
    running.delete(type);
    if (again.delete(type)) void catchUp(type);
  }
}

const watchers = new Set<{ types: readonly string[]; run: () => void }>();

/** `run` when the server says that one of these types moved: for what is not kept by changes. */
export function whenStateMoves(types: readonly string[], run: () => void): () => void {
  const watcher = { types, run };
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function onStates(changed: Record<string, string>): void {
  for (const { types, run } of watchers) if (types.some((type) => type in changed)) run();
  for (const [type, state] of Object.entries(changed)) {
    if (states.get(type) !== state) void catchUp(type);
  }
}

const connecting = new Set<() => void>();

/** `run` on each (re)connection, before changes are asked for. */
export function whenConnected(run: () => void): void {
  connecting.add(run);
}

function onOpen(): void {
  following = true;
  for (const run of connecting) run();
  for (const type of handlers.keys()) void catchUp(type);
}

let live: Live | null = null;

/** Begins to follow the account. */
export function startSync(): void {
  if (live) return;
  live = new Live(onStates, onOpen, () => void checkSession());
  live.start();
}

export function reconnectNow(): void {
  live?.wake();
}

whenSessionEnds(() => {
  live?.stop();
  live = null;
  following = false;
  states.clear();
});
