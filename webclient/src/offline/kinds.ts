// What of the cache is kept, how much of it, and in what form.
import type { ListData } from '@/api/list';
import type { EmailBody } from '@/api/types';

const MB = 1_000_000;

/** Of each kind of query (the first word of its key): how many, and letters in all. */
export const KINDS: Record<string, { count: number; size: number }> = {
  mailboxes: { count: 1, size: MB },
  settings: { count: 1, size: MB },
  identities: { count: 1, size: MB },
  list: { count: 30, size: 2 * MB },
  thread: { count: 4000, size: 4 * MB },
  email: { count: 5000, size: 8 * MB },
  body: { count: 500, size: 40 * MB },
};

const LONGEST_BODY = 2 * MB;
const ROWS = 300;

/** What is written for a query's data, and its size; null: it is not kept. */
export function formOf(kind: string, data: unknown): { data: unknown; size: number } | null {
  if (!(kind in KINDS)) return null;
  if (kind === 'list') {
    const list = beginningOf(data as ListData);
    return { data: list, size: 100 + list.rows.length * 100 };
  }
  if (kind === 'body') {
    const values = Object.values((data as EmailBody).bodyValues);
    const size = 2000 + values.reduce((sum, { value }) => sum + value.length, 0);
    return size > LONGEST_BODY ? null : { data, size };
  }
  return { data, size: kind === 'email' ? 1200 : 300 };
}

/** The rows from the top as far as they are known: a list without gaps, for there is nobody to fill them. */
export function beginningOf(list: ListData): ListData {
  const gap = list.rows.findIndex((row) => row === undefined);
  const rows = list.rows.slice(0, Math.min(ROWS, gap < 0 ? ROWS : gap));
  return { ...list, rows, total: rows.length, queryState: '' };
}
