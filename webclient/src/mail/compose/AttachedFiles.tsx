import { Paperclip, X } from 'lucide-react';
import { useIntl } from 'react-intl';

import { cx, IconButton } from '@/parts';

import type { Attached } from './draft';

export function AttachedFiles({
  list,
  all,
  remove,
}: {
  list: Attached[];
  /** Those that stand in the text as well. */
  all: boolean;
  remove: (key: string) => void;
}) {
  const intl = useIntl();
  const shown = list.filter((each) => all || each.cid === null || each.error !== null);
  if (shown.length === 0) return null;
  return (
    <ul
      aria-label={intl.formatMessage({ id: 'compose.files' })}
      className="flex max-h-40 shrink-0 flex-col gap-1 overflow-y-auto px-3 py-2"
    >
      {shown.map((each) => (
        <li
          key={each.key}
          className={cx(
            'relative flex items-center gap-2 overflow-hidden rounded-lg bg-sunken px-3 text-sm',
            each.error !== null && 'bg-danger-soft text-danger',
          )}
        >
          <Paperclip size={14} aria-hidden className="shrink-0" />
          <bdi className="min-w-0 flex-1 truncate">{each.name}</bdi>
          <span className="shrink-0 text-muted">
            {each.error ??
              intl.formatNumber(each.size < 1e6 ? Math.max(each.size / 1e3, 1) : each.size / 1e6, {
                style: 'unit',
                unit: each.size < 1e6 ? 'kilobyte' : 'megabyte',
                maximumFractionDigits: each.size < 1e6 ? 0 : 1,
              })}
          </span>
          <IconButton
            small
            label={intl.formatMessage(
              { id: each.blobId === null ? 'compose.cancel' : 'compose.remove' },
              { what: each.name },
            )}
            icon={<X size={14} />}
            onClick={() => remove(each.key)}
          />
          {each.blobId === null && each.error === null && (
            <progress
              aria-label={each.name}
              value={each.progress}
              max={1}
              className="absolute inset-x-0 bottom-0 h-0.5 w-full accent-accent"
            />
          )}
        </li>
      ))}
    </ul>
  );
}
