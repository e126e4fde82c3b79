import { useQuery } from '@tanstack/react-query';

import { apiV1 } from '@/api/v1';

export interface Zone {
  /** With the final dot. */
  name: string;
  serial: number;
  changed: string;
  /** How many records people wrote. */
  own: number;
  signed: boolean;
  /** Of a mail domain. */
  mail: boolean;
}

export interface ZoneRecord {
  name: string;
  type: string;
  value: string;
  ttl: number;
  own: boolean;
  why: string;
}

export interface ZoneDetails {
  zone: Zone;
  records: ZoneRecord[];
  ds: string[];
}

export interface ZoneChange {
  serial: number;
  at: string;
  by: string;
  what: '' | 'created' | 'signed' | 'unsigned';
  added: string[];
  removed: string[];
}

export interface SeenRecord {
  name: string;
  type: string;
  value: string;
  why: string;
  state: 'good' | 'missing' | 'differs' | 'unknown';
  found: string[];
}

/** As people write it. */
export const shown = (name: string) => name.replace(/\.$/, '');

export const zonePath = (name: string) => `/zones/${encodeURIComponent(shown(name))}`;

export function useZones() {
  return useQuery({
    queryKey: ['admin', 'zones'],
    queryFn: async ({ signal }) =>
      (await apiV1<{ zones: Zone[] }>('GET', '/zones', { signal })).zones,
    staleTime: 0,
  });
}

export function useZone(name: string) {
  return useQuery({
    queryKey: ['admin', 'zone', name],
    queryFn: ({ signal }) => apiV1<ZoneDetails>('GET', zonePath(name), { signal }),
    staleTime: 0,
  });
}

export function useSeen(name: string) {
  return useQuery({
    queryKey: ['admin', 'seen', name],
    queryFn: async ({ signal }) => {
      const path = `/domains/${encodeURIComponent(shown(name))}/records/check`;
      return (await apiV1<{ records: SeenRecord[] }>('GET', path, { signal })).records;
    },
    staleTime: 0,
  });
}

/** Adds and removes in one step. The server refuses when somebody else changed the zone meanwhile. */
export function changeZone(
  { name, serial }: Zone,
  edit: { add?: Partial<ZoneRecord>[]; remove?: Partial<ZoneRecord>[] },
): Promise<ZoneDetails> {
  return apiV1('POST', `${zonePath(name)}/changes`, { body: { ...edit, ifSerial: serial } });
}
