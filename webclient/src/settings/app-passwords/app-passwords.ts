// App passwords: one for each program, with what it may do.
import { useQuery } from '@tanstack/react-query';

import { queryClient } from '@/api/cache';
import { type PasskeyAsked, provePasskey } from '@/api/passkeys';
import { apiV1 } from '@/api/v1';

export const SCOPES = ['imap', 'smtp', 'mail', 'mail:read', 'send', 'api', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface AppPassword {
  id: string;
  name: string;
  scopes: Scope[];
  created: string;
  expires: string | null;
  lastUsed: string | null;
  lastAddress: string;
}

const KEY = ['settings-page', 'app-passwords'];

export function useAppPasswords() {
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) =>
      (await apiV1<{ appPasswords: AppPassword[] }>('GET', '/app-passwords', { signal }))
        .appPasswords,
    staleTime: 0,
  });
}

export interface Wanted {
  name: string;
  scopes: readonly Scope[];
  expires: string | null;
  /** The account's own. */
  password: string;
  /** Of the second factor. */
  code: string;
}

/**
 * Resolves to the secret, which is not told again. With `byPasskey` the second factor is a passkey, for
 * which the browser asks.
 */
export async function makeAppPassword(wanted: Wanted, byPasskey: boolean): Promise<string> {
  const asked = byPasskey
    ? await apiV1<PasskeyAsked>('POST', '/second-factor/passkey/options')
    : null;
  const proof = asked && {
    passkeyChallenge: asked.challenge,
    credential: await provePasskey(asked),
  };
  const { secret } = await apiV1<{ secret: string }>('POST', '/app-passwords', {
    body: { ...wanted, ...proof },
  });
  await queryClient.invalidateQueries({ queryKey: KEY });
  return secret;
}

export async function revokeAppPassword(id: string): Promise<void> {
  await apiV1('DELETE', `/app-passwords/${encodeURIComponent(id)}`);
  await queryClient.invalidateQueries({ queryKey: KEY });
}
