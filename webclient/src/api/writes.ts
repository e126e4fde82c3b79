// Changes to emails: shown at once, sent, taken back when refused. Lists that were read while a change
// was on its way are older than what is shown, so they are read again.
import { applyPatches, type EmailPatch, refreshLists } from './email';
import { chain, jmap, limit, pieces } from './jmap';
import { noteOwnWrite } from './sync';
import { acceptMailboxes } from './mailboxes';
import { MethodError } from './problems';
import type { GetResponse, Id, Mailbox, SetResponse } from './types';

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

function toJmap(patch: EmailPatch): Record<string, true | null> {
  const found: Record<string, true | null> = {};
  for (const [name, on] of Object.entries(patch.keywords ?? {})) {
    found[`keywords/${escaped(name)}`] = on || null;
  }
  for (const [id, on] of Object.entries(patch.mailboxIds ?? {}))
    found[`mailboxIds/${escaped(id)}`] = on || null;
  return found;
}

/** RFC 6901 §3. */
const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** Sends patches that are already shown. Rejects with the first refusal; the rest stays done. */
export async function writePatches(patches: ReadonlyMap<Id, EmailPatch>): Promise<void> {
  const shown = applyPatches(patches);
  await counted(async () => {
    let refused: Error | null = null;
    try {
      for (const piece of pieces([...patches], limit('maxObjectsInSet', 500))) {
        const update = Object.fromEntries(piece.map(([id, patch]) => [id, toJmap(patch)]));
        const answer = await set({ update });
        const [error] = Object.values(answer.notUpdated ?? {});
        // What is gone needs no change.
        if (error && error.type !== 'notFound') {
          refused = new MethodError(error.type, error.description ?? '');
        }
      }
    } catch (error) {
      refused = error instanceof Error ? error : new Error(String(error));
    }
    if (refused) {
      shown.undo();
      throw refused;
    }
    shown.settle();
  }).finally(refreshLists);
}

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
