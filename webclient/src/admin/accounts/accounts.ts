import { useQuery } from '@tanstack/react-query';

import { Problem } from '@/api/problems';
import { apiV1 } from '@/api/v1';

export interface Account {
  id: string;
  address: string;
  name: string;
  admin: boolean;
  adminOf: string[];
  enabled: boolean;
  /** Octets; 0: no bound. */
  quota: number;
  used: number;
  /** Recipients; 0: the server's default. */
  sendsPerHour: number;
  sendsPerDay: number;
}

export interface AccountDetail extends Account {
  addresses: string[];
  secondFactor: boolean;
  appPasswords: number;
  sessions: number;
}

export async function listAccounts(
  query: { prefix?: string; domain?: string; after?: string; limit?: number },
  signal?: AbortSignal,
): Promise<{ items: Account[]; next: string | null }> {
  const { accounts, next } = await apiV1<{ accounts: Account[]; next: string | null }>(
    'GET',
    '/accounts',
    {
      // An empty cursor or prefix is none.
      query: Object.fromEntries(Object.entries(query).filter(([, value]) => value !== '')),
      ...(signal ? { signal } : {}),
    },
  );
  return { items: accounts, next };
}

export const accountPath = (id: string) => `/accounts/${encodeURIComponent(id)}`;

export function useAccount(id: string) {
  return useQuery({
    queryKey: ['admin', 'account', id],
    queryFn: ({ signal }) => apiV1<AccountDetail>('GET', accountPath(id), { signal }),
    enabled: id !== '',
    staleTime: 0,
  });
}

/** The id of the account with that address; undefined: there is none that one administers. */
export async function accountId(address: string): Promise<string | undefined> {
  const wanted = address.trim().toLowerCase();
  try {
    const { items } = await listAccounts({ prefix: wanted, limit: 20 });
    return items.find((each) => each.address === wanted)?.id;
  } catch (error) {
    if (error instanceof Problem && error.status === 422) return undefined;
    throw error;
  }
}

const GIGA = 1_000_000_000;

/** Octets as gigabytes to edit, and back. */
export const toGigabytes = (octets: number) =>
  octets === 0 ? '0' : String(Number((octets / GIGA).toPrecision(6)));
export const fromGigabytes = (text: string) => Math.round(Number(text.replace(',', '.')) * GIGA);
