// Lists that come in pages: `next` of one is `after` of the following.
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useIntl } from 'react-intl';

import { Button, ErrorState, Loading } from '@/parts';

export interface Page<T> {
  items: T[];
  next: string | null;
}

export function usePages<T>(
  key: readonly unknown[],
  load: (after: string, signal: AbortSignal) => Promise<Page<T>>,
  refetchInterval: number | false = false,
) {
  return useInfiniteQuery({
    queryKey: ['admin', ...key],
    queryFn: ({ pageParam, signal }) => load(pageParam, signal),
    initialPageParam: '',
    getNextPageParam: (last: Page<T>) => last.next,
    staleTime: 0,
    refetchInterval,
    placeholderData: (before) => before,
  });
}

/** The items of all pages that were read, and a button for the next one. */
export function Pages<T>({
  query,
  children,
}: {
  query: ReturnType<typeof usePages<T>>;
  children: (items: T[]) => ReactNode;
}) {
  const intl = useIntl();
  if (!query.data) {
    return query.error ? (
      <ErrorState error={query.error} retry={() => void query.refetch()} />
    ) : (
      <Loading />
    );
  }
  return (
    <>
      {children(query.data.pages.flatMap((page) => page.items))}
      {query.hasNextPage && (
        <Button
          className="mt-3 self-start"
          busy={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {intl.formatMessage({ id: 'show-more' })}
        </Button>
      )}
    </>
  );
}
