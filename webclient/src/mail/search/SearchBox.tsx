// The search box: the URL's `q` is what it holds. Suggestions: operators, folders, people.
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Search, X } from 'lucide-react';
import { type KeyboardEvent, useId, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { useMailboxes } from '@/api/mailboxes';
import { apiV1 } from '@/api/v1';
import { useCommand, useHint } from '@/keys/commands';
import { cx, IconButton } from '@/parts';
import { mailboxName } from '@/text/mailbox-name';

interface Suggestion {
  /** Replaces the last word of the query. */
  insert: string;
  label: string;
  /** The search is complete with it. */
  done: boolean;
}

const HINTS: [insert: string, text: string, done: boolean][] = [
  ['from:', 'search.op.from', false],
  ['to:', 'search.op.to', false],
  ['subject:', 'search.op.subject', false],
  ['in:', 'search.op.in', false],
  ['has:attachment', 'search.op.has', true],
  ['is:unread', 'search.op.unread', true],
  ['is:starred', 'search.op.starred', true],
  ['newer_than:7d', 'search.op.newer', true],
  ['before:', 'search.op.before', false],
  ['after:', 'search.op.after', false],
  ['larger:5M', 'search.op.larger', true],
  ['filename:', 'search.op.filename', false],
  ['has:pdf', 'search.op.pdf', true],
  ['has:image', 'search.op.image', true],
  ['has:label', 'search.op.label', true],
  ['is:snoozed', 'search.op.snoozed', true],
  ['is:muted', 'search.op.muted', true],
  ['list:', 'search.op.list', false],
];

export function SearchBox() {
  const intl = useIntl();
  const navigate = useNavigate();
  const q = useSearch({ strict: false, select: (search) => search.q ?? '' });
  const [text, setText] = useState({ q, value: q });
  if (text.q !== q) setText({ q, value: q });
  const value = text.value;
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const field = useRef<HTMLInputElement>(null);
  const list = useId();
  const hint = useHint('search');
  const suggestions = useSuggestions(value, open);
  useCommand('search', () => {
    field.current?.focus();
    field.current?.select();
  });

  const search = (query: string) => {
    setOpen(false);
    field.current?.blur();
    void navigate({ to: '/search', search: { q: query.trim() } });
  };
  const choose = (suggestion: Suggestion) => {
    const next = value.replace(/\S*$/, '') + suggestion.insert + (suggestion.done ? ' ' : '');
    setText({ q, value: next });
    setAt(-1);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (suggestions.length === 0) return;
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setOpen(true);
      setAt((at + step + suggestions.length + (at < 0 && step < 0 ? 1 : 0)) % suggestions.length);
    } else if (event.key === 'Escape') {
      if (open) setOpen(false);
      else field.current?.blur();
      setAt(-1);
    } else if ((event.key === 'Tab' || event.key === 'Enter') && open && suggestions[at]) {
      event.preventDefault();
      choose(suggestions[at]);
    }
  };
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- only where the focus is
    <form
      role="search"
      className="relative flex w-full max-w-2xl items-center"
      onSubmit={(event) => {
        event.preventDefault();
        search(value);
      }}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <Search size={18} className="pointer-events-none absolute inset-s-3 text-muted" aria-hidden />
      <input
        ref={field}
        type="search"
        role="combobox"
        value={value}
        autoComplete="off"
        spellCheck={false}
        enterKeyHint="search"
        maxLength={1000}
        aria-label={intl.formatMessage({ id: 'search' })}
        aria-expanded={open && suggestions.length > 0}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={open && suggestions[at] ? `${list}-${at}` : undefined}
        aria-keyshortcuts={hint}
        placeholder={intl.formatMessage({ id: 'search' })}
        className="h-10 w-full rounded-xl border border-line bg-surface ps-10 pe-10 placeholder:text-muted touch:h-11 [&::-webkit-search-cancel-button]:hidden"
        onChange={(event) => {
          setText({ q, value: event.target.value });
          setOpen(true);
          setAt(-1);
        }}
        onFocus={() => setOpen(true)}
        onKeyDown={onKeyDown}
      />
      {value && (
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
      <div
        id={list}
        role="listbox"
        aria-label={intl.formatMessage({ id: 'search.suggestions' })}
        className={cx(
          'absolute inset-x-0 top-full z-40 mt-1 max-h-[60dvh] overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-raised',
          !(open && suggestions.length > 0) && 'hidden',
        )}
      >
        {suggestions.map((each, index) => (
          <div
            key={each.insert}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            className="flex min-h-9 items-center justify-between gap-4 rounded-lg px-3 hover:bg-hover aria-selected:bg-accent-soft aria-selected:text-accent-ink touch:min-h-11"
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => choose(each)}
            onKeyDown={() => undefined}
          >
            <bdi className="font-medium">{each.insert}</bdi>
            <bdi className="truncate text-sm text-muted">{each.label}</bdi>
          </div>
        ))}
      </div>
    </form>
  );
}

/** For the last word that is being typed. */
function useSuggestions(value: string, open: boolean): Suggestion[] {
  const intl = useIntl();
  const boxes = useMailboxes();
  const last = /\S*$/.exec(value)?.[0].replace(/^-/, '') ?? '';
  const person = /^(from|to|cc|bcc):(.+)$/i.exec(last);
  const people = useQuery({
    queryKey: ['suggestions', person?.[2] ?? ''],
    queryFn: () =>
      apiV1<{ suggestions: { address: string; name: string }[] }>('GET', '/suggestions', {
        query: { q: person?.[2] ?? '', limit: 6 },
      }),
    enabled: open && person !== null,
    staleTime: 30_000,
    retry: false,
    placeholderData: (before) => before,
  });
  if (person) {
    const found = people.data?.suggestions ?? [];
    // A group of contacts has no address.
    return found
      .filter(({ address }) => address !== '')
      .map((each) => ({
        insert: `${(person[1] ?? '').toLowerCase()}:${each.address}`,
        label: each.name,
        done: true,
      }));
  }
  const folder = /^(in|label):(.*)$/i.exec(last);
  if (folder) {
    const wanted = (folder[2] ?? '').toLowerCase();
    return boxes
      .map((box) => ({ box, name: mailboxName(intl, box) }))
      .filter(({ name }) => name.toLowerCase().startsWith(wanted))
      .slice(0, 10)
      .map(({ box, name }) => {
        const word = box.role === 'junk' ? 'spam' : (box.role ?? name);
        return {
          insert: `in:${/[\s"(){}]/.test(word) ? JSON.stringify(word) : word}`,
          label: name,
          done: true,
        };
      });
  }
  const wanted = last.toLowerCase();
  return HINTS.filter(([insert]) => insert.startsWith(wanted) && insert !== wanted)
    .slice(0, wanted === '' ? 7 : 6)
    .map(([insert, text, done]) => ({ insert, label: intl.formatMessage({ id: text }), done }));
}
