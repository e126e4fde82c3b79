// Searches that were saved: each a link to what it finds now.
import { Link, useSearch } from '@tanstack/react-router';
import { Pencil, Search, Trash2 } from 'lucide-react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import { useSavedSearches } from '@/mail/saved-searches';
import { cx, showContextMenu } from '@/parts';

import { CURRENT, LINE } from './FolderNode';

export function SavedSearches({ onGo }: { onGo: (() => void) | undefined }) {
  const intl = useIntl();
  const { savedSearches } = useSettings();
  const { rename, remove } = useSavedSearches();
  const q = useSearch({ strict: false, select: (search) => search.q });
  if (savedSearches.length === 0) return null;
  const t = (id: string) => intl.formatMessage({ id });
  return (
    <>
      <h2 className="mt-4 mb-1 ps-3 text-xs font-semibold text-muted">{t('searches')}</h2>
      <ul aria-label={t('searches')}>
        {savedSearches.map((each) => {
          const current = q === each.q;
          return (
            <li key={each.q}>
              <Link
                to="/search"
                search={{ q: each.q }}
                aria-current={current ? 'page' : undefined}
                className={cx(LINE, 'ps-3', current && CURRENT)}
                onClick={onGo}
                onContextMenu={(event) =>
                  showContextMenu(event, each.name, [
                    {
                      label: t('search.rename'),
                      icon: <Pencil size={16} />,
                      run: () => void rename(each),
                    },
                    {
                      label: t('search.delete'),
                      icon: <Trash2 size={16} />,
                      danger: true,
                      run: () => void remove(each),
                    },
                  ])
                }
              >
                <Search size={18} />
                <bdi className="min-w-0 flex-1 truncate">{each.name}</bdi>
              </Link>
            </li>
          );
        })}
      </ul>
    </>
  );
}
