import { BookmarkPlus, X } from 'lucide-react';
import { useMemo } from 'react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import { useSavedSearches } from '@/mail/saved-searches';
import { Button } from '@/parts';

import { parse, print, termsOf, unknownOperators, without } from './query';

/** The terms of the search, each of which can be taken away. */
export function Chips({ q, onQuery }: { q: string; onQuery: (q: string) => void }) {
  const intl = useIntl();
  const { save } = useSavedSearches();
  const saved = useSettings().savedSearches.some((each) => each.q === q);
  const tree = useMemo(() => parse(q), [q]);
  const terms = termsOf(tree);
  const unknown = unknownOperators(tree);
  if (terms.length === 0) return null;
  return (
    <div className="border-b border-line px-3 py-2">
      <ul
        aria-label={intl.formatMessage({ id: 'search.chips' })}
        className="flex flex-wrap gap-1.5"
      >
        {terms.map((term, at) => {
          const text = print(term);
          return (
            <li
              key={at}
              className="inline-flex max-w-full items-center rounded-full bg-accent-soft ps-2.5 text-sm text-accent-ink"
            >
              <bdi className="truncate">{text}</bdi>
              <button
                type="button"
                aria-label={intl.formatMessage({ id: 'search.remove' }, { term: text })}
                className="inline-flex size-6 items-center justify-center rounded-full hover:bg-hover touch:size-11"
                onClick={() => onQuery(without(tree, at))}
              >
                <X size={13} />
              </button>
            </li>
          );
        })}
        {!saved && (
          <li className="ms-auto">
            <Button
              kind="plain"
              className="h-6! px-2! text-sm! text-accent-ink!"
              icon={<BookmarkPlus size={15} />}
              onClick={() => void save(q)}
            >
              {intl.formatMessage({ id: 'search.save' })}
            </Button>
          </li>
        )}
      </ul>
      {unknown.length > 0 && (
        <p className="pt-1 text-sm text-muted">
          {intl.formatMessage(
            { id: 'search.unknown' },
            { words: intl.formatList(unknown), count: unknown.length },
          )}
        </p>
      )}
    </div>
  );
}
