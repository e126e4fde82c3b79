import type { EmailAddress, EmailSummary } from '@/api/types';
import { neutral } from '@/body/links';

/** What a person is called in a row: the first word of the name when there are several people. */
function called(address: EmailAddress, short: boolean): string {
  const name = neutral(address.name?.trim() ?? '');
  if (name === '') return address.email.split('@')[0] ?? address.email;
  if (!short || name.includes('@')) return name;
  // "Doe, Jane" is Jane.
  const first = name.includes(',') ? name.split(',')[1]?.trim() : name;
  return first?.split(/\s+/)[0] || name;
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** The people of a conversation: who wrote, in order, each once; in Sent and Drafts to whom. */
export function namesOf(
  emails: readonly EmailSummary[],
  own: string,
  outgoing: boolean,
  me: string,
): string[] {
  const people = new Map<string, EmailAddress>();
  const mine = emails.filter((email) => email.from?.some((from) => same(from.email, own)));
  // In Sent the people are those one wrote to, not whom the answers went to.
  for (const email of outgoing && mine.length > 0 ? mine : emails) {
    const list = outgoing ? [...(email.to ?? []), ...(email.cc ?? [])] : (email.from ?? []);
    for (const address of list) {
      const key = address.email.toLowerCase();
      if (!people.has(key)) people.set(key, address);
    }
  }
  const short = people.size > 1;
  return [...people].map(([key, address]) => (same(key, own) ? me : called(address, short)));
}
