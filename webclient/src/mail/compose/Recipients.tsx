// Recipients as chips with completion (a combobox of the ARIA practices).
import { X } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { suggest, type Suggested } from '@/api/suggestions';
import type { EmailAddress } from '@/api/types';
import { cx } from '@/parts';

import { isAddress, joined, parseRecipients, same } from './recipients';

interface RecipientsProps {
  label: string;
  list: EmailAddress[];
  pending: string;
  onChange: (list: EmailAddress[], pending: string) => void;
  focus?: boolean;
  after?: ReactNode;
}

const WAIT = 120;

export function Recipients({ label, list, pending, onChange, focus, after }: RecipientsProps) {
  const intl = useIntl();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [found, setFound] = useState<Suggested[]>([]);
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (focus) input.current?.focus();
  }, [focus]);
  useEffect(() => {
    const q = pending.trim();
    if (q === '' || !open) return undefined;
    const stop = new AbortController();
    const timer = window.setTimeout(() => {
      suggest(q, stop.signal).then(
        (people) => {
          if (stop.signal.aborted) return;
          setFound(
            people.filter(
              (each) =>
                !each.people.every(({ email }) => list.some((had) => same(had.email, email))),
            ),
          );
          setAt(0);
        },
        () => undefined, // without suggestions one types the whole
      );
    }, WAIT);
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [pending, list, open]);
  const shown = open && pending.trim() !== '' ? found : [];
  const add = (more: EmailAddress[]) => {
    onChange(joined(list, more), '');
    setFound([]);
    setOpen(false);
  };
  const commit = () => {
    if (pending.trim() !== '') add(parseRecipients(pending));
  };
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing || event.ctrlKey || event.metaKey) return;
    const choice = shown[at];
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (shown.length === 0) return;
      event.preventDefault();
      setAt((at + (event.key === 'ArrowDown' ? 1 : shown.length - 1)) % shown.length);
    } else if (event.key === 'Enter' || (event.key === 'Tab' && !event.shiftKey)) {
      if (pending.trim() === '') return;
      event.preventDefault();
      if (choice && !isAddress(pending.trim())) add(choice.people);
      else commit();
    } else if (event.key === ',' || event.key === ';') {
      // A comma inside a quoted name belongs to it.
      if ((pending.match(/"/g)?.length ?? 0) % 2 === 1) return;
      event.preventDefault();
      commit();
    } else if (event.key === 'Backspace' && pending === '' && list.length > 0) {
      event.preventDefault();
      onChange(list.slice(0, -1), '');
    } else if (event.key === 'Escape' && shown.length > 0) {
      event.stopPropagation();
      event.preventDefault();
      setOpen(false);
    }
  };
  return (
    <div className="relative flex items-start gap-2 border-b border-line px-3 py-1">
      <label htmlFor={id} className="shrink-0 py-1 text-sm leading-5 text-muted touch:py-2.5">
        {label}
      </label>
      <ul aria-label={label} className="flex min-w-0 flex-1 flex-wrap items-center gap-1">
        {list.map((each) => (
          <Chip
            key={each.email.toLowerCase()}
            address={each}
            remove={() => {
              onChange(
                list.filter((other) => other !== each),
                pending,
              );
              input.current?.focus();
            }}
          />
        ))}
        <li className="min-w-16 flex-1">
          <input
            ref={input}
            id={id}
            role="combobox"
            type="text"
            inputMode="email"
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            aria-autocomplete="list"
            aria-expanded={shown.length > 0}
            aria-controls={`${id}-list`}
            aria-activedescendant={shown.length > 0 ? `${id}-${at}` : undefined}
            value={pending}
            className="h-7 w-full bg-transparent outline-none touch:h-11"
            onChange={(event) => {
              setOpen(true);
              onChange(list, event.target.value);
            }}
            onPaste={(event) => {
              const text = event.clipboardData.getData('text/plain');
              if (!/[,;\n\t@]/.test(text)) return;
              event.preventDefault();
              add(parseRecipients(`${pending}${text}`));
            }}
            onBlur={commit}
            onKeyDown={onKey}
          />
        </li>
      </ul>
      {after}
      <div
        id={`${id}-list`}
        role="listbox"
        aria-label={intl.formatMessage({ id: 'compose.suggestions' })}
        className={cx(
          'absolute inset-x-2 top-full z-30 overflow-hidden rounded-lg border border-line bg-raised py-1 shadow-raised',
          shown.length === 0 && 'hidden',
        )}
      >
        {shown.map((each, index) => (
          <div
            key={each.email || `${each.name} ${index}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            className={cx('truncate px-3 py-1.5 touch:py-3', index === at && 'bg-chosen')}
            onPointerDown={(event) => {
              event.preventDefault(); // the field keeps the focus
              add(each.people);
            }}
          >
            {each.name && <bdi className="me-1 font-medium">{each.name}</bdi>}{' '}
            <bdi className="text-muted">
              {each.email ||
                intl.formatMessage({ id: 'compose.group' }, { count: each.people.length })}
            </bdi>
          </div>
        ))}
      </div>
    </div>
  );
}

function Chip({ address, remove }: { address: EmailAddress; remove: () => void }) {
  const intl = useIntl();
  const good = isAddress(address.email);
  return (
    <li
      title={address.email}
      className={cx(
        'inline-flex max-w-full items-center gap-1 rounded-full ps-2.5 text-sm',
        good ? 'bg-sunken' : 'bg-danger-soft text-danger line-through decoration-wavy',
      )}
    >
      <bdi className="truncate">{address.name ?? address.email}</bdi>
      {!good && (
        <span className="sr-only">{intl.formatMessage({ id: 'compose.invalid-address' })}</span>
      )}
      <button
        type="button"
        aria-label={intl.formatMessage({ id: 'compose.remove' }, { what: address.email })}
        className="flex size-6 items-center justify-center rounded-full hover:bg-hover touch:h-9 touch:w-11"
        onClick={remove}
      >
        <X size={13} />
      </button>
    </li>
  );
}
