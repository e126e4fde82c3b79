// Whom one may mean: people written to or heard from, best first.
import type { EmailAddress } from './types';
import { apiV1 } from './v1';

interface Suggestion {
  address: string;
  name: string;
}

const MOST = 8;

export async function suggest(q: string, signal: AbortSignal): Promise<EmailAddress[]> {
  const answer = await apiV1<{ suggestions: Suggestion[] }>('GET', '/suggestions', {
    query: { q: q.slice(0, 100), limit: MOST },
    signal,
  });
  return answer.suggestions.map(({ address, name }) => ({ name: name || null, email: address }));
}
