// The tree of mailboxes.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { queryClient, queryKeys } from './cache';
import { chain, jmap, throwSetError } from './jmap';
import { noteOwnWrite, noteState, onChanges } from './sync';
import type { ChangesResponse, GetResponse, Id, Mailbox, MailboxRole, SetResponse } from './types';

export const ROLES: readonly MailboxRole[] = [
  'inbox',
  'snoozed',
  'drafts',
  'sent',
  'archive',
  'junk',
  'trash',
];

async function loadMailboxes(): Promise<Mailbox[]> {
  const answer = await jmap<GetResponse<Mailbox>>('Mailbox/get', { ids: null });
  noteState('Mailbox', answer.state);
  return sorted(answer.list);
}

/** Siblings: roles first in a fixed order, then sortOrder, then by name. */
function sorted(list: Mailbox[]): Mailbox[] {
  const rank = (box: Mailbox) => (box.role ? ROLES.indexOf(box.role) : ROLES.length);
  return [...list].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      a.sortOrder - b.sortOrder ||
      a.name.localeCompare(b.name, undefined, { numeric: true, sensitivity: 'base' }),
  );
}

export function useMailboxes(): Mailbox[] {
  const { data } = useQuery({ queryKey: queryKeys.mailboxes, queryFn: loadMailboxes });
  return data ?? NONE;
}

export function useMailboxesQuery() {
  return useQuery({ queryKey: queryKeys.mailboxes, queryFn: loadMailboxes });
}

const NONE: Mailbox[] = [];

/** What is known now; empty before the first answer. */
export function mailboxes(): Mailbox[] {
  return queryClient.getQueryData<Mailbox[]>(queryKeys.mailboxes) ?? NONE;
}

export function ensureMailboxes(): Promise<Mailbox[]> {
  return queryClient.query({
    queryKey: queryKeys.mailboxes,
    queryFn: loadMailboxes,
    staleTime: 'static',
  });
}

export function roleId(role: MailboxRole): Id | undefined {
  return mailboxes().find((box) => box.role === role)?.id;
}

/** A mailbox by what stands in the URL: its role or its id. */
export function findMailbox(list: readonly Mailbox[], name: string): Mailbox | undefined {
  return list.find((box) => box.role === name) ?? list.find((box) => box.id === name);
}

/** What stands in the URL for it. */
export function mailboxPath(box: Mailbox): string {
  return box.role ?? box.id;
}

export interface MailboxNode {
  mailbox: Mailbox;
  depth: number;
  children: MailboxNode[];
}

/** The tree, siblings in order. A box whose parent is unknown stands at the top. */
export function treeOf(list: readonly Mailbox[]): MailboxNode[] {
  const nodes = new Map<Id, MailboxNode>(
    list.map((box) => [box.id, { mailbox: box, depth: 0, children: [] }]),
  );
  const roots: MailboxNode[] = [];
  for (const node of nodes.values()) {
    const parent = node.mailbox.parentId ? nodes.get(node.mailbox.parentId) : undefined;
    (parent ? parent.children : roots).push(node);
  }
  const deepen = (level: MailboxNode[], depth: number): void => {
    for (const node of level) {
      node.depth = depth;
      deepen(node.children, depth + 1);
    }
  };
  deepen(roots, 0);
  return roots;
}

export function useMailboxTree(): MailboxNode[] {
  const list = useMailboxes();
  return useMemo(() => treeOf(list), [list]);
}

/** A list that came with another answer. */
export function acceptMailboxes(got: GetResponse<Mailbox>): void {
  queryClient.setQueryData<Mailbox[]>(queryKeys.mailboxes, sorted(got.list));
}

onChanges('Mailbox', async (since) => {
  const [changes, got] = (await chain(
    ['Mailbox/changes', { sinceState: since }],
    ['Mailbox/get', { ids: null }],
  )) as [ChangesResponse, GetResponse<Mailbox>];
  acceptMailboxes(got);
  return changes.hasMoreChanges ? got.state : changes.newState;
});

type MailboxFields = Partial<
  Pick<Mailbox, 'name' | 'parentId' | 'isSubscribed' | 'sortOrder' | 'role'>
>;

/** Creates, and resolves to the new id. Throws MethodError such as invalidProperties. */
export async function createMailbox(fields: MailboxFields): Promise<Id> {
  const answer = await set({ create: { new: fields } });
  throwSetError(answer.notCreated);
  const id = answer.created?.['new']?.id;
  if (typeof id !== 'string') throw new Error('Mailbox/set answered without an id');
  return id;
}

export async function updateMailbox(id: Id, fields: MailboxFields): Promise<void> {
  const answer = await set({ update: { [id]: fields } });
  throwSetError(answer.notUpdated);
}

export async function destroyMailbox(id: Id, withMail: boolean): Promise<void> {
  const answer = await set({ destroy: [id], onDestroyRemoveEmails: withMail });
  throwSetError(answer.notDestroyed);
}

/** The mailbox for snoozed mail, made on first use; one of that name becomes it. */
export async function ensureSnoozed(): Promise<Id> {
  const known = roleId('snoozed');
  if (known !== undefined) return known;
  const named = mailboxes().find((box) => box.name === 'Snoozed' && box.parentId === null);
  if (!named) return createMailbox({ name: 'Snoozed', role: 'snoozed', isSubscribed: true });
  await updateMailbox(named.id, { role: 'snoozed' });
  return named.id;
}

async function set(args: Record<string, unknown>): Promise<SetResponse<{ id: Id }>> {
  const [answer, got] = (await chain(['Mailbox/set', args], ['Mailbox/get', { ids: null }])) as [
    SetResponse<{ id: Id }>,
    GetResponse<Mailbox>,
  ];
  acceptMailboxes(got);
  noteOwnWrite('Mailbox', answer.oldState, answer.newState);
  return answer;
}
