// Changes to emails: shown at once, sent, taken back when refused. Lists that were read while a change
// was on its way are older than what is shown, so they are read again.
import { create } from 'zustand';

import { applyPatches, type EmailPatch, refreshLists } from './email';
import { chain, jmap, limit, pieces } from './jmap';
import { acceptMailboxes } from './mailboxes';
import { MethodError, Offline } from './problems';
import { whenSessionEnds } from './session';
import { noteOwnWrite, whenConnected } from './sync';
import type { GetResponse, Id, Mailbox, SetResponse, Snoozed } from './types';

let inFlight = 0;
let epoch = 0;
let idle: (() => void)[] = [];

/** Grows with each write: what was asked before it and answered after it is stale. */
export function writeEpoch(): number {
  return epoch;
}

export function writing(): boolean {
  return inFlight > 0;
}

/** Resolves when no write is under way. */
export function writesDone(): Promise<void> {
  return inFlight === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve));
}

async function counted<T>(work: () => Promise<T>): Promise<T> {
  inFlight += 1;
  epoch += 1;
  try {
    return await work();
  } finally {
    inFlight -= 1;
    if (inFlight === 0) {
      const waiting = idle;
      idle = [];
      for (const resolve of waiting) resolve();
    }
  }
}

function toJmap(patch: EmailPatch): Record<string, true | Snoozed | null> {
  const found: Record<string, true | Snoozed | null> = {};
  if (patch.snoozed !== undefined) found['snoozed'] = patch.snoozed;
  for (const [name, on] of Object.entries(patch.keywords ?? {})) {
    found[`keywords/${escaped(name)}`] = on || null;
  }
  for (const [id, on] of Object.entries(patch.mailboxIds ?? {}))
    found[`mailboxIds/${escaped(id)}`] = on || null;
  return found;
}

/** RFC 6901 §3. */
const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** Sends patches. Throws the first refusal; the rest stays done. */
async function sendPatches(patches: ReadonlyMap<Id, EmailPatch>): Promise<void> {
  let refused: Error | null = null;
  for (const piece of pieces([...patches], limit('maxObjectsInSet', 500))) {
    const update = Object.fromEntries(piece.map(([id, patch]) => [id, toJmap(patch)]));
    const answer = await set({ update });
    const [error] = Object.values(answer.notUpdated ?? {});
    // What is gone needs no change.
    if (error && error.type !== 'notFound') {
      refused = new MethodError(error.type, error.description ?? '');
    }
  }
  if (refused) throw refused;
}

/**
 * Shows patches and sends them. Without a network they wait here, in order, and are sent with the next
 * connection: each sets or clears single keywords and mailboxes, so it means the same whenever it arrives,
 * and twice the same as once. Rejects with a refusal; what was shown is taken back then.
 */
export async function writePatches(patches: ReadonlyMap<Id, EmailPatch>): Promise<void> {
  const shown = applyPatches(patches);
  if (waiting.length > 0) {
    wait([{ patches, shown }]);
    void sendWaiting();
    return;
  }
  await counted(() => sendPatches(patches))
    .then(shown.settle, (error: unknown) => {
      if (error instanceof Offline && waitingCount() + patches.size <= MOST_WAITING) {
        wait([{ patches, shown }]);
        return;
      }
      shown.undo();
      throw error;
    })
    .finally(refreshLists);
}

// -- without a network -------------------------------------------------------------------------------------

const MOST_WAITING = 5000; // emails; more is refused
const AGAIN = 5000; // milliseconds

interface Waiting {
  patches: ReadonlyMap<Id, EmailPatch>;
  shown: { settle: () => void; undo: () => void };
}

let waiting: Waiting[] = [];
let sending = false;
let timer = 0;

/** How many emails have changes that wait for a network. */
export const useWaiting = create<{ count: number }>()(() => ({ count: 0 }));

const waitingCount = () => waiting.reduce((sum, each) => sum + each.patches.size, 0);
let keepWaiting: (writes: [Id, EmailPatch][][]) => void = () => undefined;
let tellRefusal: (error: unknown) => void = () => undefined;

/** `run` with all that waits, whenever that is something else. */
export function whenWaitingChanges(run: typeof keepWaiting): void {
  keepWaiting = run;
}

/** `run` when something that waited was refused. */
export function whenRefused(run: typeof tellRefusal): void {
  tellRefusal = run;
}

function changed(): void {
  useWaiting.setState({ count: waitingCount() });
  keepWaiting(waiting.map((each) => [...each.patches]));
}

function wait(more: Waiting[]): void {
  waiting = [...waiting, ...more];
  changed();
  window.clearTimeout(timer);
  timer = window.setTimeout(() => void sendWaiting(), AGAIN);
}

/** What an earlier page could not send. */
export function resumeWrites(writes: readonly [Id, EmailPatch][][]): void {
  if (writes.length === 0) return;
  wait(
    writes.map((each) => {
      const patches = new Map(each);
      return { patches, shown: applyPatches(patches) };
    }),
  );
  void sendWaiting();
}

async function sendWaiting(): Promise<void> {
  if (sending || waiting.length === 0) return;
  sending = true;
  window.clearTimeout(timer);
  try {
    await counted(async () => {
      while (waiting[0]) {
        const { patches, shown } = waiting[0];
        try {
          await sendPatches(patches);
          shown.settle();
        } catch (error) {
          if (error instanceof Offline) throw error;
          shown.undo();
          tellRefusal(error);
        }
        waiting = waiting.slice(1);
        changed();
      }
    });
    refreshLists();
  } catch {
    timer = window.setTimeout(() => void sendWaiting(), AGAIN); // or with the next connection
  } finally {
    sending = false;
  }
}

whenConnected(() => void sendWaiting());

whenSessionEnds(() => {
  window.clearTimeout(timer);
  for (const { shown } of waiting) shown.settle();
  waiting = [];
  useWaiting.setState({ count: 0 });
});

export async function destroyEmails(ids: readonly Id[]): Promise<void> {
  await counted(async () => {
    for (const piece of pieces(ids, limit('maxObjectsInSet', 500))) {
      const answer = await set({ destroy: piece });
      const [error] = Object.values(answer.notDestroyed ?? {});
      if (error && error.type !== 'notFound')
        throw new MethodError(error.type, error.description ?? '');
    }
  }).finally(refreshLists);
}

/** The counts of the mailboxes come back with the change itself. */
async function set(args: Record<string, unknown>): Promise<SetResponse> {
  const [answer, boxes] = (await chain(['Email/set', args], ['Mailbox/get', { ids: null }])) as [
    SetResponse,
    GetResponse<Mailbox>,
  ];
  noteOwnWrite('Email', answer.oldState, answer.newState);
  acceptMailboxes(boxes);
  return answer;
}

/** All ids that match, in pieces: for what is done to a whole folder or search. */
export async function* allMatching(filter: unknown, most = 100_000): AsyncGenerator<Id[]> {
  let after: Id | null = null;
  let seen = 0;
  for (;;) {
    // By anchor, not by position: what was changed meanwhile may have left the result.
    const args: Record<string, unknown> = { filter, sort: ORDER, limit: 500 };
    if (after !== null) Object.assign(args, { anchor: after, anchorOffset: 1 });
    const { ids } = await jmap<{ ids: Id[] }>('Email/query', args);
    if (ids.length === 0) return;
    seen += ids.length;
    yield ids;
    after = ids.at(-1) ?? null;
    if (ids.length < 500 || seen >= most) return;
  }
}

export const ORDER = [{ property: 'receivedAt', isAscending: false }];
