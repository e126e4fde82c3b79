// Whom one may mean: contacts first, then people written to or heard from, best first.
import type { EmailAddress } from './types';
import { apiV1 } from './v1';

interface Suggestion {
  address: string;
  name: string;
  members: { name: string; address: string }[];
}

/** Somebody, or a group of contacts by its name. */
export interface Suggested {
  name: string | null;
  email: string;
  /** Whom choosing it means. */
  people: EmailAddress[];
}

const MOST = 8;

export async function suggest(q: string, signal: AbortSignal): Promise<Suggested[]> {
  const answer = await apiV1<{ suggestions: Suggestion[] }>('GET', '/suggestions', {
    query: { q: q.slice(0, 100), limit: MOST },
    signal,
  });
  const person = (each: { name: string; address: string }): EmailAddress => ({
    name: each.name || null,
    email: each.address,
  });
  return answer.suggestions.map((each) => ({
    ...person(each),
    people: each.members.length > 0 ? each.members.map(person) : [person(each)],
  }));
}
