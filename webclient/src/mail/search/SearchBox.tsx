import { useNavigate, useSearch } from '@tanstack/react-router';
import { Search, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { useCommand } from '@/keys/commands';
import { IconButton } from '@/parts';

/** The search box: the URL's `q` is what it holds. */
export function SearchBox() {
  const intl = useIntl();
  const navigate = useNavigate();
  const q = useSearch({ strict: false, select: (search) => search.q ?? '' });
  const [text, setText] = useState({ q, value: q });
  if (text.q !== q) setText({ q, value: q });
  const field = useRef<HTMLInputElement>(null);
  useCommand('search', () => field.current?.select());
  return (
    <form
      role="search"
      className="relative flex w-full max-w-2xl items-center"
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({ to: '/search', search: { q: text.value.trim() } });
      }}
    >
      <Search size={18} className="pointer-events-none absolute inset-s-3 text-muted" aria-hidden />
      <input
        ref={field}
        type="search"
        value={text.value}
        onChange={(event) => setText({ q, value: event.target.value })}
        aria-label={intl.formatMessage({ id: 'search' })}
        placeholder={intl.formatMessage({ id: 'search' })}
        className="h-10 w-full rounded-xl border border-line bg-surface ps-10 pe-10 touch:h-11 [&::-webkit-search-cancel-button]:hidden"
      />
      {text.value && (
        <IconButton
          small
          label={intl.formatMessage({ id: 'search.clear' })}
          icon={<X size={16} />}
          className="absolute inset-e-1"
          onClick={() => {
            setText({ q, value: '' });
            field.current?.focus();
          }}
        />
      )}
    </form>
  );
}
