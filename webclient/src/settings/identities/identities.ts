// Identities: who one writes as (RFC 8621 §6).
import { useQuery } from '@tanstack/react-query';

import { queryClient, queryKeys } from '@/api/cache';
import { jmap, throwSetError } from '@/api/jmap';
import { ensureIdentities } from '@/api/submissions';
import type { EmailAddress, GetResponse, Id, Identity, SetResponse } from '@/api/types';

/** What a form of an identity holds. */
export interface IdentityFields {
  name: string;
  email: string;
  replyTo: EmailAddress[] | null;
  bcc: EmailAddress[] | null;
  textSignature: string;
  htmlSignature: string;
}

/** Read again with each visit: another window may have changed them. Composers share the cache's entry. */
export function useIdentities() {
  return useQuery({
    queryKey: queryKeys.identities,
    queryFn: async () => (await jmap<GetResponse<Identity>>('Identity/get', { ids: null })).list,
    staleTime: 0,
  });
}

async function set(args: Record<string, unknown>): Promise<void> {
  const answer = await jmap<SetResponse>('Identity/set', args);
  throwSetError(answer.notCreated);
  throwSetError(answer.notUpdated);
  throwSetError(answer.notDestroyed);
  await queryClient.invalidateQueries({ queryKey: queryKeys.identities });
  await ensureIdentities();
}

export function createIdentity(fields: IdentityFields): Promise<void> {
  return set({ create: { new: fields } });
}

/** The address of an identity stays as it was made. */
export function updateIdentity(id: Id, fields: Omit<IdentityFields, 'email'>): Promise<void> {
  return set({ update: { [id]: fields } });
}

export function removeIdentity(id: Id): Promise<void> {
  return set({ destroy: [id] });
}

/** A plain signature as HTML: its letters as they are, its lines as lines. */
export function htmlOf(text: string): string {
  const escaped = text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
  return escaped === '' ? '' : `<div>${escaped.replaceAll('\n', '<br>')}</div>`;
}

/** "a@b.c, Name <d@e.f>" to addresses; null for what is none of them. */
export function readAddresses(text: string): EmailAddress[] | null {
  const found: EmailAddress[] = [];
  for (const part of text.split(/[,;\n]/)) {
    const one = part.trim();
    if (one === '') continue;
    const match = /^(?:"?([^"<>]*?)"?\s*<([^\s<>@]+@[^\s<>@]+)>|([^\s<>@]+@[^\s<>@]+))$/.exec(one);
    const email = match?.[2] ?? match?.[3];
    if (email === undefined) return null;
    const name = match?.[1]?.trim() ?? '';
    found.push({ name: name === '' ? null : name, email });
  }
  return found;
}

export function writeAddresses(addresses: readonly EmailAddress[] | null): string {
  return (addresses ?? [])
    .map(({ name, email }) => (name ? `${name} <${email}>` : email))
    .join(', ');
}
