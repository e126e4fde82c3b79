// One's own security: what /api/v1 has of it.
import { useQuery } from '@tanstack/react-query';

import { queryClient } from '@/api/cache';
import type { PasskeyAsked } from '@/api/passkeys';
import { apiV1 } from '@/api/v1';

export interface Factor {
  totp: boolean;
  passkeys: number;
  /** Unused ones. */
  recoveryCodes: number;
  appPasswordsOnly: boolean;
}

export interface Passkey {
  id: string;
  name: string;
  created: string;
  lastUsed: string | null;
  backedUp: boolean;
}

export interface TotpBegun {
  secret: string;
  uri: string;
  /** An SVG image. */
  qr: string;
}

const FACTOR = ['settings-page', 'factor'];
const PASSKEYS = ['settings-page', 'passkeys'];

export function useFactor() {
  return useQuery({
    queryKey: FACTOR,
    queryFn: ({ signal }) => apiV1<Factor>('GET', '/second-factor', { signal }),
    staleTime: 0,
  });
}

export function usePasskeys() {
  return useQuery({
    queryKey: PASSKEYS,
    queryFn: async ({ signal }) =>
      (await apiV1<{ passkeys: Passkey[] }>('GET', '/passkeys', { signal })).passkeys,
    staleTime: 0,
  });
}

async function changed(): Promise<void> {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: FACTOR }),
    queryClient.invalidateQueries({ queryKey: PASSKEYS }),
  ]);
}

/** Resolves to how many other sessions ended. */
export async function changePassword(
  oldPassword: string,
  newPassword: string,
  endAppPasswords: boolean,
): Promise<number> {
  const body = { oldPassword, newPassword, endAppPasswords };
  return (await apiV1<{ ended: number }>('POST', '/password', { body })).ended;
}

export function beginTotp(password: string): Promise<TotpBegun> {
  return apiV1<TotpBegun>('POST', '/second-factor/totp', { body: { password } });
}

/** Resolves to recovery codes, none when there were some already. A wrong code is a Problem of 401. */
export async function confirmTotp(code: string): Promise<string[]> {
  const { recoveryCodes } = await apiV1<{ recoveryCodes: string[] }>(
    'POST',
    '/second-factor/totp/confirm',
    { body: { code }, public: true },
  );
  await changed();
  return recoveryCodes;
}

export async function removeTotp(password: string): Promise<void> {
  await apiV1('POST', '/second-factor/totp/remove', { body: { password } });
  await changed();
}

export async function newRecoveryCodes(password: string): Promise<string[]> {
  const { recoveryCodes } = await apiV1<{ recoveryCodes: string[] }>(
    'POST',
    '/second-factor/recovery-codes',
    { body: { password } },
  );
  await changed();
  return recoveryCodes;
}

export async function setAppPasswordsOnly(password: string, only: boolean): Promise<void> {
  await apiV1('PATCH', '/second-factor', { body: { password, appPasswordsOnly: only } });
  await changed();
}

export function beginPasskey(password: string): Promise<PasskeyAsked> {
  return apiV1<PasskeyAsked>('POST', '/passkeys/options', { body: { password } });
}

/** Keeps what the browser made; resolves to recovery codes, none when there were some already. */
export async function keepPasskey(
  challenge: string,
  credential: unknown,
  name: string,
): Promise<string[]> {
  const { recoveryCodes } = await apiV1<{ recoveryCodes: string[] }>('POST', '/passkeys', {
    body: { challenge, credential, name },
    public: true,
  });
  await changed();
  return recoveryCodes;
}

export async function removePasskey(id: string, password: string): Promise<void> {
  await apiV1('POST', `/passkeys/${encodeURIComponent(id)}/remove`, { body: { password } });
  await changed();
}
