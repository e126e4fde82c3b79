// Where the words of a search stand in what it found (SearchSnippet/get, RFC 8621 §5.1).
import { useQuery } from '@tanstack/react-query';

import { jmap } from '@/api/jmap';
import type { Row } from '@/api/list';
import type { EmailFilter, Id, SearchSnippet } from '@/api/types';

const NONE: ReadonlyMap<Id, SearchSnippet> = new Map();
const PAGE = 50;

export function useSnippets(
  filter: EmailFilter | null,
  rows: readonly (Row | undefined)[] | undefined,
  first: number,
  last: number,
): ReadonlyMap<Id, SearchSnippet> {
  // Whole pages, so that scrolling by a row asks nothing new.
  const from = Math.floor(first / PAGE) * PAGE;
  const to = Math.ceil((last + 1) / PAGE) * PAGE;
  const ids = filter ? (rows ?? []).slice(from, to).flatMap((row) => (row ? [row.id] : [])) : [];
  const { data } = useQuery({
    queryKey: ['snippets', JSON.stringify(filter), ids],
    queryFn: async () => {
      const answer = await jmap<{ list: SearchSnippet[] }>('SearchSnippet/get', {
        filter,
        emailIds: ids,
      });
      return new Map(answer.list.map((each) => [each.emailId, each]));
    },
    enabled: ids.length > 0,
    placeholderData: (before) => before,
    structuralSharing: false,
  });
  return data ?? NONE;
}
