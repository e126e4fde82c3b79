import { useQuery } from '@tanstack/react-query';

import { apiV1 } from '@/api/v1';

export interface Domain {
  name: string;
  /** Ids of accounts; empty: nobody. */
  postmaster: string;
  catchAll: string;
}

export interface DnsRecord {
  name: string;
  type: string;
  value: string;
  why: string;
}

export const domainPath = (name: string) => `/domains/${encodeURIComponent(name)}`;

export function useDomains() {
  return useQuery({
    queryKey: ['admin', 'domains'],
    queryFn: async ({ signal }) =>
      (await apiV1<{ domains: Domain[] }>('GET', '/domains', { signal })).domains,
    staleTime: 0,
  });
}

export function useRecords(name: string) {
  return useQuery({
    queryKey: ['admin', 'records', name],
    queryFn: async ({ signal }) =>
      (await apiV1<{ records: DnsRecord[] }>('GET', `${domainPath(name)}/records`, { signal }))
        .records,
    staleTime: 0,
  });
}

/** As lines of a zone file (RFC 1035 §5.1), the reason above each. */
export function zoneOf(records: readonly DnsRecord[]): string {
  return records
    .map(({ name, type, value, why }) => `; ${why}\n${name}\t300\tIN\t${type}\t${value}\n`)
    .join('\n');
}
