import { useQuery } from '@tanstack/react-query';

import { apiV1 } from '@/api/v1';

export interface QueueItem {
  id: string;
  /** Id of the account that sent it; empty: none of ours. */
  account: string;
  destination: string;
  sender: string;
  /** How many. */
  recipients: number;
  size: number;
  created: string;
  due: string;
  attempts: number;
  held: boolean;
  lastError: string;
  trace: string;
}

export interface Step {
  at: string;
  stage: string;
  recipient: string;
  detail: Record<string, string>;
}

export interface QueueItemDetail extends QueueItem {
  to: {
    address: string;
    outcome: 'pending' | 'delivered' | 'failed' | 'dropped';
    host: string;
    reply: string;
  }[];
  timeline: Step[];
}

export async function listQueue(
  all: boolean,
  after: string,
  signal: AbortSignal,
): Promise<{ items: QueueItem[]; next: string | null }> {
  return apiV1('GET', '/queue', { query: { all, after: after || undefined }, signal });
}

export function useQueueItem(id: string) {
  return useQuery({
    queryKey: ['admin', 'queue-item', id],
    queryFn: ({ signal }) => apiV1<QueueItemDetail>('GET', queuePath(id), { signal }),
    staleTime: 0,
  });
}

const queuePath = (id: string) => `/queue/${encodeURIComponent(id)}`;

export const holdItem = (id: string) => apiV1('POST', `${queuePath(id)}/hold`);
export const retryItem = (id: string) => apiV1('POST', `${queuePath(id)}/retry`);
export const dropItem = (id: string) => apiV1('DELETE', queuePath(id));
