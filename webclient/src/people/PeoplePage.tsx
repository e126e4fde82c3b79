// /people and /people/:person - contacts: groups, the list, and a card beside it (or one of them).
import { UsersRound } from 'lucide-react';
import { type DragEvent, lazy, Suspense, useMemo, useState } from 'react';
import { useIntl } from 'react-intl';

import { type Contact, useContacts } from '@/api/contacts';
import { useCommand } from '@/keys/commands';
import { cx, EmptyState } from '@/parts';
import { useRoom } from '@/shell/layout';
import { useTitle } from '@/shell/pages';
import { AreaText } from '@/text/AreaText';

import { NEW, usePlace } from './address';
import { Groups } from './Groups';
import { PeopleList } from './PeopleList';
import { found, inOrder, isGroup, membersOf, nameOf } from './people';
import { Person } from './Person';
import { isVCard } from './transfer';
import { useActs } from './use-acts';

const ImportDialog = lazy(() =>
  import('./ImportDialog').then((module) => ({ default: module.ImportDialog })),
);
const MergeDialog = lazy(() =>
  import('./MergeDialog').then((module) => ({ default: module.MergeDialog })),
);

export function PeoplePage() {
  return (
    <AreaText area="people">
      <People />
    </AreaText>
  );
}

const NOBODY: Contact[] = [];

function People() {
  const intl = useIntl();
  const room = useRoom();
  const { person, search, goTo } = usePlace();
  const query = useContacts();
  const all = query.data ?? NOBODY;
  const acts = useActs();
  const [words, setWords] = useState('');
  const [files, setFiles] = useState<File[] | null>(null);
  const [merging, setMerging] = useState(false);
  const drop = useDrop(setFiles);

  const groups = useMemo(() => inOrder(all.filter(isGroup), intl.locale), [all, intl.locale]);
  const group = groups.find(({ id }) => id === search.group);
  const scope = useMemo(
    () =>
      inOrder(group ? membersOf(group, all) : all.filter((each) => !isGroup(each)), intl.locale),
    [all, group, intl.locale],
  );
  const list = useMemo(() => found(scope, words), [scope, words]);
  const title = group ? nameOf(group) : intl.formatMessage({ id: 'people.all' });
  useTitle(title);

  const open = person === null || person === NEW ? null : all.find(({ id }) => id === person);
  const editing = person === NEW || search.edit === true;
  const step = (by: number) => {
    const at = list.findIndex(({ id }) => id === person);
    const next = list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + by))];
    if (next) goTo(next.id, {}, person !== null);
  };
  const remove = () => {
    if (!open) return;
    const at = list.findIndex(({ id }) => id === open.id);
    const next = room === 'phone' ? undefined : (list[at + 1] ?? list[at - 1]);
    goTo(next && next.id !== open.id && at >= 0 ? next.id : null, {}, true);
    void acts.remove([open]);
  };
  useCommand('compose', () => goTo(NEW), !editing);
  useCommand('next', () => step(1), !editing);
  useCommand('previous', () => step(-1), !editing);
  useCommand('delete', remove, open != null && !editing);
  useCommand('back', () => goTo(null), person !== null && !editing);

  const phone = room === 'phone';
  const panes = phone ? 'rounded-none' : 'rounded-2xl border border-line';
  return (
    <>
      {room === 'desk' && <Groups groups={groups} all={all} current={group?.id} />}
      <main id="content" tabIndex={-1} className="flex min-w-0 flex-1 gap-2 outline-none">
        {(!phone || person === null) && (
          <section
            aria-label={title}
            className={cx(
              'relative flex min-h-0 flex-col overflow-hidden bg-canvas',
              panes,
              phone ? 'min-w-0 flex-1' : 'mb-2 w-84 shrink-0',
              room === 'tablet' && 'ms-2',
            )}
            {...drop.handlers}
          >
            <PeopleList
              title={title}
              query={query}
              list={list}
              scope={scope}
              groups={groups}
              group={group}
              words={words}
              onWords={setWords}
              open={person}
              onOpen={(id) => goTo(id)}
              onImport={() => setFiles([])}
              onMerge={() => setMerging(true)}
            />
            {drop.over && (
              <p className="pointer-events-none absolute inset-2 z-20 flex items-center justify-center rounded-xl border-2 border-dashed border-accent bg-accent-soft text-accent-ink">
                {intl.formatMessage({ id: 'people.import.drop' })}
              </p>
            )}
          </section>
        )}
        {(!phone || person !== null) && (
          <section
            aria-label={intl.formatMessage({ id: 'people.card' })}
            className={cx(
              'flex min-h-0 min-w-0 flex-1 flex-col overflow-hidden bg-surface',
              panes,
              !phone && 'me-2 mb-2',
            )}
          >
            {person === null ? (
              <EmptyState
                icon={<UsersRound size={26} />}
                title={intl.formatMessage({ id: 'people.none-open' })}
              />
            ) : (
              <Person
                key={person}
                id={person}
                all={all}
                loaded={query.data !== undefined}
                groups={groups}
                onRemove={remove}
              />
            )}
          </section>
        )}
      </main>
      {merging && (
        <Suspense fallback={null}>
          <MergeDialog all={all} onClose={() => setMerging(false)} />
        </Suspense>
      )}
      {files && (
        <Suspense fallback={null}>
          <ImportDialog files={files} onClose={() => setFiles(null)} />
        </Suspense>
      )}
    </>
  );
}

/** Files of vCards can be dropped on the list. */
function useDrop(take: (files: File[]) => void) {
  const [over, setOver] = useState(false);
  return {
    over,
    handlers: {
      onDragOver: (event: DragEvent) => {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: (event: DragEvent<HTMLElement>) => {
        const to = event.relatedTarget;
        if (!(to instanceof Node && event.currentTarget.contains(to))) setOver(false);
      },
      onDrop: (event: DragEvent) => {
        setOver(false);
        const files = [...event.dataTransfer.files].filter(isVCard);
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        if (files.length > 0) take(files);
      },
    },
  };
}
