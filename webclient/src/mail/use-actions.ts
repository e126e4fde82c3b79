// Doing things to conversations: at once on the screen, then on the server, with a toast that undoes it.
import { useCallback } from 'react';
import { type IntlShape, useIntl } from 'react-intl';

import { queryClient, queryKeys } from '@/api/cache';
import {
  type EmailPatch,
  ensureEmail,
  ensureThread,
  knownEmail,
  knownThread,
  LIST_PROPERTIES,
  storeEmails,
} from '@/api/email';
import { chain } from '@/api/jmap';
import { type ListQuery, removeRows } from '@/api/list';
import { ensureSnoozed, mailboxes, roleId } from '@/api/mailboxes';
import type { EmailFilter, EmailSummary, GetResponse, Id } from '@/api/types';
import { allMatching, destroyEmails, writePatches } from '@/api/writes';
import { confirm, errorText, toast } from '@/parts';

import { type Action, inverseOf, patchesFor } from './act';
import { doneText } from './done-text';
import type { Scope } from './scope';

/** Conversations by id, single emails, or all that a list's filter matches. */
export type Targets =
  { threads: readonly Id[] } | { emails: readonly Id[] } | { all: EmailFilter; count: number };

export interface Actions {
  /** `quiet`: nobody asked for it (an opened message is read), so there is no toast. */
  act: (action: Action, targets: Targets, scope: Scope, quiet?: boolean) => Promise<void>;
  /** Deletes for ever, after a question. Resolves to whether it was done. */
  destroy: (targets: Targets, scope: Scope) => Promise<boolean>;
}

export function useActions(): Actions {
  const intl = useIntl();
  const act = useCallback(
    (action: Action, targets: Targets, scope: Scope, quiet = false) =>
      perform(intl, action, targets, scope, quiet),
    [intl],
  );
  const destroy = useCallback(
    (targets: Targets, scope: Scope) => destroyAfterQuestion(intl, targets, scope),
    [intl],
  );
  return { act, destroy };
}

async function conversations(targets: Targets): Promise<EmailSummary[][]> {
  if ('all' in targets) return [];
  if ('emails' in targets) return [await Promise.all(targets.emails.map(ensureEmail))];
  return Promise.all(
    targets.threads.map(async (id) => {
      // Known ones without a wait, so that the change is seen in the same frame.
      const thread = knownThread(id) ?? (await ensureThread(id));
      const known = thread.emailIds.map(knownEmail);
      if (known.every((email) => email !== undefined)) return known;
      return Promise.all(thread.emailIds.map(ensureEmail));
    }),
  );
}

/** Synchronous as far as everything is known: keys to change within a frame. */
function knownConversations(targets: Targets): EmailSummary[][] | null {
  if ('all' in targets) return null;
  if ('emails' in targets) {
    const found = targets.emails.map(knownEmail);
    return found.every((email) => email !== undefined) ? [found] : null;
  }
  const found: EmailSummary[][] = [];
  for (const id of targets.threads) {
    const emails = knownThread(id)?.emailIds.map(knownEmail);
    if (!emails?.every((email) => email !== undefined)) return null;
    found.push(emails);
  }
  return found;
}

async function perform(
  intl: IntlShape,
  action: Action,
  targets: Targets,
  scope: Scope,
  quiet: boolean,
): Promise<void> {
  if ('all' in targets) return performOnAll(intl, action, targets, scope);
  let found: EmailSummary[][];
  try {
    if (action.kind === 'snooze' && roleId('snoozed') === undefined) await ensureSnoozed();
    found = knownConversations(targets) ?? (await conversations(targets));
  } catch (error) {
    toast(errorText(intl, error), { kind: 'error' });
    return;
  }
  const patches = new Map<Id, EmailPatch>();
  for (const emails of found) {
    for (const [id, patch] of patchesFor(action, emails, scope, mailboxes()))
      patches.set(id, patch);
  }
  if (patches.size === 0) return;
  const count = 'threads' in targets ? targets.threads.length : 1;
  await commit(intl, patches, quiet ? null : doneText(intl, action, count));
}

/** Shows, sends, offers the way back. */
async function commit(
  intl: IntlShape,
  patches: Map<Id, EmailPatch>,
  done: string | null,
): Promise<void> {
  const inverse = inverseOf(patches, knownEmail);
  const writing = writePatches(patches);
  const putBack = removeRows(leaves(patches));
  let close: (() => void) | undefined;
  if (done !== null) {
    close = toast(done, {
      action: {
        label: intl.formatMessage({ id: 'undo' }),
        run: () => {
          putBack();
          writePatches(inverse)
            .then(() => toast(intl.formatMessage({ id: 'undone' }), { duration: 2500 }))
            .catch((error: unknown) => toast(errorText(intl, error), { kind: 'error' }));
        },
      },
    });
  }
  try {
    await writing;
  } catch (error) {
    close?.();
    putBack();
    toast(errorText(intl, error), { kind: 'error' });
  }
}

/** Whether a conversation that was patched has nothing left that a list's filter wants. */
function leaves(patches: ReadonlyMap<Id, EmailPatch>) {
  const touched = new Set([...patches.keys()].map((id) => knownEmail(id)?.threadId));
  return (query: ListQuery, threadId: Id, emailId: Id): boolean => {
    if (!touched.has(threadId)) return false;
    const ids = query.collapse ? (knownThread(threadId)?.emailIds ?? []) : [emailId];
    const emails = ids.map(knownEmail);
    if (emails.length === 0 || emails.some((email) => email === undefined)) return false;
    return !emails.some((email) => email !== undefined && fits(query.filter, email));
  };
}

/** Whether an email may still match. What cannot be judged here (words) counts as matching. */
function fits(filter: EmailFilter, email: EmailSummary): boolean {
  if ('operator' in filter && Array.isArray(filter.conditions)) {
    const conditions = filter.conditions as EmailFilter[];
    if (filter.operator === 'AND') return conditions.every((each) => fits(each, email));
    if (filter.operator === 'OR') return conditions.some((each) => fits(each, email));
    return true;
  }
  const { inMailbox, inMailboxOtherThan, hasKeyword, notKeyword } = filter as Record<
    string,
    unknown
  >;
  if (typeof inMailbox === 'string' && !email.mailboxIds[inMailbox]) return false;
  if (Array.isArray(inMailboxOtherThan)) {
    if (!Object.keys(email.mailboxIds).some((id) => !inMailboxOtherThan.includes(id))) return false;
  }
  if (typeof hasKeyword === 'string' && !email.keywords[hasKeyword]) return false;
  return !(typeof notKeyword === 'string' && email.keywords[notKeyword]);
}

/** A whole folder or search, piece by piece, with its progress told; undone piece by piece as well. */
async function performOnAll(
  intl: IntlShape,
  action: Action,
  targets: { all: EmailFilter; count: number },
  scope: Scope,
): Promise<void> {
  const undo: Map<Id, EmailPatch>[] = [];
  let done = 0;
  const key = 'bulk';
  try {
    if (action.kind === 'snooze') await ensureSnoozed();
    // All ids first: what is changed leaves the result while it is read.
    const pieces: Id[][] = [];
    for await (const ids of allMatching(targets.all)) pieces.push(ids);
    const total = pieces.reduce((sum, ids) => sum + ids.length, 0);
    for (const ids of pieces) {
      const [got] = (await chain(['Email/get', { ids, properties: LIST_PROPERTIES }])) as [
        GetResponse<EmailSummary>,
      ];
      storeEmails(got.list, got.state);
      const patches = new Map(
        got.list.flatMap((email) => [...patchesFor(action, [email], scope, mailboxes())]),
      );
      undo.push(inverseOf(patches, knownEmail));
      if (patches.size > 0) await writePatches(patches);
      done += ids.length;
      toast(intl.formatMessage({ id: 'bulk.progress' }, { done, total }), {
        key,
        duration: Infinity,
      });
    }
    toast(
      doneText(intl, action, done) ?? intl.formatMessage({ id: 'bulk.done' }, { count: done }),
      {
        key,
        duration: 15_000,
        action: {
          label: intl.formatMessage({ id: 'undo' }),
          run: () => void undoAll(intl, undo),
        },
      },
    );
  } catch (error) {
    toast(errorText(intl, error), { kind: 'error', key });
  }
}

async function undoAll(intl: IntlShape, pieces: Map<Id, EmailPatch>[]): Promise<void> {
  try {
    for (const patches of pieces) if (patches.size > 0) await writePatches(patches);
    toast(intl.formatMessage({ id: 'undone' }), { duration: 2500 });
  } catch (error) {
    toast(errorText(intl, error), { kind: 'error' });
  }
}

async function destroyAfterQuestion(
  intl: IntlShape,
  targets: Targets,
  scope: Scope,
): Promise<boolean> {
  const count =
    'all' in targets ? targets.count : 'threads' in targets ? targets.threads.length : 1;
  const yes = await confirm({
    title: intl.formatMessage({ id: 'destroy.title' }, { count }),
    text: intl.formatMessage({ id: 'destroy.text' }),
    confirm: intl.formatMessage({ id: 'destroy.confirm' }),
    danger: true,
  });
  if (!yes) return false;
  try {
    if ('all' in targets) {
      const pieces: Id[][] = [];
      for await (const ids of allMatching(targets.all)) pieces.push(ids);
      for (const ids of pieces) await destroyEmails(ids);
    } else {
      const found = (await conversations(targets)).flat();
      const here = scope.kind === 'mailbox' ? scope.mailbox.id : null;
      // Of a conversation only what lies here is deleted.
      const ids = found
        .filter((email) => here === null || email.mailboxIds[here])
        .map((email) => email.id);
      const gone = new Set(found.map((email) => email.threadId));
      removeRows(
        (query, threadId) =>
          gone.has(threadId) && JSON.stringify(query.filter).includes(here ?? '"'),
      );
      await destroyEmails(ids);
      for (const id of ids) queryClient.removeQueries({ queryKey: queryKeys.body(id) });
    }
    toast(intl.formatMessage({ id: 'destroy.done' }, { count }));
    return true;
  } catch (error) {
    toast(errorText(intl, error), { kind: 'error' });
    return false;
  }
}
