// How full the account is (RFC 9425).
import { jmap } from './jmap';
import type { GetResponse, Id } from './types';

export interface Quota {
  id: Id;
  resourceType: 'octets' | 'count';
  used: number;
  hardLimit: number;
  softLimit: number | null;
  warnLimit: number | null;
  name: string;
}

export async function loadQuotas(): Promise<Quota[]> {
  return (await jmap<GetResponse<Quota>>('Quota/get', { ids: null })).list;
}
