// The rows of the list: as many as the window shows, and letters to jump to.
import { type KeyboardEvent, useEffect, useMemo, useState } from 'react';
import { useIntl } from 'react-intl';

import type { Contact } from '@/api/contacts';
import type { Id } from '@/api/types';
import { cx } from '@/parts';
import { useVisibleRows } from '@/parts/use-visible-rows';

import { Face } from './Face';
import { emailsOf, letterOf, nameOf, workOf } from './people';

const HEIGHT = window.matchMedia('(pointer: coarse)').matches ? 64 : 56;
/** From how many on the letters are worth their room. */
const LETTERS_FROM = 30;

export function PeopleRows({
  label,
  list,
  open,
  onOpen,
}: {
  label: string;
  list: readonly Contact[];
  open: Id | null;
  onOpen: (id: Id) => void;
}) {
  const intl = useIntl();
  const [grid, setGrid] = useState<HTMLElement | null>(null);
  const [cursor, setCursor] = useState<Id | null>(open);
  const rows = useVisibleRows(list.length, HEIGHT);
  const { attach, first, last, extent, topOf, reveal, scrollTo } = rows;
  const at = list.findIndex(({ id }) => id === (cursor ?? open));
  const current = at < 0 ? 0 : at;
  const opened = list.findIndex(({ id }) => id === open);

  useEffect(() => {
    if (opened >= 0) reveal(opened);
  }, [opened, reveal]);

  const letters = useMemo(() => {
    const found = new Map<string, number>();
    list.forEach((contact, index) => {
      const letter = letterOf(nameOf(contact));
      if (!found.has(letter)) found.set(letter, index);
    });
    return [...found];
  }, [list]);
  const starts = useMemo(
    () => new Map(letters.map(([letter, index]) => [index, letter])),
    [letters],
  );

  const focusRow = (index: number) => {
    const to = Math.max(0, Math.min(list.length - 1, index));
    setCursor(list[to]?.id ?? null);
    reveal(to);
    requestAnimationFrame(() =>
      grid?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus({ preventScroll: true }),
    );
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((rows.scroller?.clientHeight ?? 0) / HEIGHT) - 1);
    const steps: Record<string, number> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + page,
      PageUp: current - page,
      Home: 0,
      End: list.length - 1,
    };
    const to = steps[event.key];
    const here = list[current];
    if (to !== undefined) focusRow(to);
    else if ((event.key === 'Enter' || event.key === ' ') && here) onOpen(here.id);
    else return;
    event.preventDefault();
  };

  return (
    <div className="flex min-h-0 flex-1">
      <div ref={attach} className="min-h-0 min-w-0 flex-1 overflow-y-auto overscroll-contain">
        <div
          ref={setGrid}
          role="grid"
          tabIndex={-1}
          aria-label={label}
          aria-rowcount={list.length}
          className="relative w-full outline-none"
          style={{ height: extent }}
          onKeyDown={onKeyDown}
        >
          {Array.from({ length: last - first + 1 }, (_, step) => first + step).map((index) => {
            const contact = list[index];
            if (!contact) return null;
            return (
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the grid takes the keys
              <div
                key={contact.id}
                role="row"
                data-index={index}
                aria-rowindex={index + 1}
                aria-selected={contact.id === open}
                tabIndex={index === current ? 0 : -1}
                className={cx(
                  'absolute inset-x-0 top-0 flex items-center outline-none focus-visible:z-10 focus-visible:outline-2 focus-visible:-outline-offset-2 focus-visible:outline-accent',
                  contact.id === open ? 'bg-chosen' : 'hover:bg-hover',
                )}
                style={{ height: HEIGHT, transform: `translateY(${topOf(index)}px)` }}
                onFocus={() => setCursor(contact.id)}
                onClick={() => onOpen(contact.id)}
              >
                <PersonRow contact={contact} letter={starts.get(index)} />
              </div>
            );
          })}
        </div>
      </div>
      {list.length >= LETTERS_FROM && letters.length > 1 && (
        <nav
          aria-label={intl.formatMessage({ id: 'people.letters' })}
          className="flex w-6 shrink-0 flex-col items-center overflow-y-auto py-1 text-xs text-muted touch:w-9"
        >
          {letters.map(([letter, index]) => (
            <button
              key={letter}
              type="button"
              aria-label={intl.formatMessage({ id: 'people.letter' }, { letter })}
              className="min-h-6 w-full flex-1 rounded font-medium hover:bg-hover hover:text-ink"
              onClick={() => {
                scrollTo(index * HEIGHT);
                setCursor(list[index]?.id ?? null);
              }}
            >
              {letter}
            </button>
          ))}
        </nav>
      )}
    </div>
  );
}

function PersonRow({ contact, letter }: { contact: Contact; letter: string | undefined }) {
  const intl = useIntl();
  const name = nameOf(contact);
  const under = emailsOf(contact)[0]?.address ?? workOf(contact);
  return (
    <div role="gridcell" className="flex min-w-0 flex-1 items-center gap-3 ps-1 pe-3">
      <span aria-hidden className="w-5 shrink-0 text-center text-xs font-semibold text-muted">
        {letter}
      </span>
      <Face contact={contact} size={36} />
      <span className="min-w-0 flex-1">
        <bdi className="block truncate font-medium">
          {name || intl.formatMessage({ id: 'people.nameless' })}
        </bdi>
        {under !== '' && under !== name && (
          <bdi className="block truncate text-sm text-muted">{under}</bdi>
        )}
      </span>
    </div>
  );
}
