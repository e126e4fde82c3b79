import type { UseQueryResult } from '@tanstack/react-query';
import {
  Combine,
  Download,
  Ellipsis,
  Pencil,
  Search,
  SearchX,
  Send,
  Trash2,
  Upload,
  UserPlus,
  UsersRound,
  X,
} from 'lucide-react';
import { useRef } from 'react';
import { useIntl } from 'react-intl';

import type { Contact } from '@/api/contacts';
import type { Id } from '@/api/types';
import { useCommand } from '@/keys/commands';
import {
  Button,
  EmptyState,
  ErrorState,
  IconButton,
  Menu,
  type MenuEntry,
  Skeleton,
} from '@/parts';
import { useRoom } from '@/shell/layout';

import { NEW, usePlace } from './address';
import { nameOf } from './people';
import { PeopleRows } from './PeopleRows';
import { exportCards } from './transfer';
import { useActs } from './use-acts';

interface ListProps {
  title: string;
  query: UseQueryResult<Contact[]>;
  /** What the search found, in order. */
  list: readonly Contact[];
  scope: readonly Contact[];
  groups: readonly Contact[];
  group: Contact | undefined;
  words: string;
  onWords: (words: string) => void;
  open: Id | null;
  onOpen: (id: Id) => void;
  onImport: () => void;
  onMerge: () => void;
}

export function PeopleList(props: ListProps) {
  const { title, query, scope, words, onWords } = props;
  const intl = useIntl();
  const field = useRef<HTMLInputElement>(null);
  useCommand('search', () => {
    field.current?.focus();
    field.current?.select();
  });
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  return (
    <>
      <header className="shrink-0 border-b border-line px-3 pb-2">
        <div className="flex h-12 items-center gap-1">
          <h1 className="min-w-0 truncate px-1 text-lg font-semibold">
            <bdi>{title}</bdi>
          </h1>
          {query.data && (
            <span className="flex-1 px-1 text-sm text-muted">
              {intl.formatNumber(scope.length)}
            </span>
          )}
          <ListMenu {...props} />
        </div>
        <div role="search" aria-label={t('search')} className="relative flex items-center">
          <Search size={16} className="absolute inset-s-3 text-muted" aria-hidden />
          <input
            ref={field}
            type="search"
            value={words}
            autoComplete="off"
            spellCheck={false}
            enterKeyHint="search"
            maxLength={200}
            aria-label={t('search')}
            placeholder={t('search')}
            className="h-9 w-full rounded-lg border border-line bg-surface ps-9 pe-9 placeholder:text-muted touch:h-11 [&::-webkit-search-cancel-button]:hidden"
            onChange={(event) => onWords(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Escape') return;
              if (words === '') field.current?.blur();
              onWords('');
            }}
          />
          {words !== '' && (
            <IconButton
              small
              label={t('search.clear')}
              icon={<X size={16} />}
              className="absolute inset-e-1"
              onClick={() => {
                onWords('');
                field.current?.focus();
              }}
            />
          )}
        </div>
        <p role="status" className="sr-only">
          {words !== '' && intl.formatMessage({ id: 'people.found' }, { count: props.list.length })}
        </p>
      </header>
      <Content {...props} />
    </>
  );
}

function Content({ title, query, list, scope, words, group, open, onOpen, onImport }: ListProps) {
  const intl = useIntl();
  const { goTo } = usePlace();
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  if (query.error && !query.data) {
    return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  }
  if (!query.data) {
    return (
      <div role="status" aria-label={intl.formatMessage({ id: 'loading' })} className="flex-1 p-3">
        {Array.from({ length: 8 }, (_, at) => (
          <span key={at} aria-hidden className="flex items-center gap-3 py-2.5">
            <Skeleton className="size-9 rounded-full!" />
            <Skeleton className="h-4 w-40" />
          </span>
        ))}
      </div>
    );
  }
  if (list.length > 0) {
    return <PeopleRows label={title} list={list} open={open} onOpen={onOpen} />;
  }
  if (words !== '' && scope.length > 0) {
    return <EmptyState icon={<SearchX size={26} />} title={t('not-found')} />;
  }
  if (group) {
    return (
      <EmptyState
        icon={<UsersRound size={26} />}
        title={t('group.empty')}
        text={t('group.empty.text')}
        action={<Button onClick={() => goTo(group.id, { edit: true })}>{t('group.edit')}</Button>}
      />
    );
  }
  return (
    <EmptyState
      icon={<UsersRound size={26} />}
      title={t('empty')}
      text={t('empty.text')}
      action={
        <div className="mt-2 flex flex-wrap justify-center gap-2">
          <Button kind="primary" icon={<UserPlus size={16} />} onClick={() => goTo(NEW)}>
            {t('new')}
          </Button>
          <Button icon={<Upload size={16} />} onClick={onImport}>
            {t('import')}
          </Button>
        </div>
      }
    />
  );
}

/** What can be done with the list; where there is no room for the groups, they are in it too. */
function ListMenu({ scope, groups, group, onImport, onMerge }: ListProps) {
  const intl = useIntl();
  const room = useRoom();
  const { goTo, goToGroup } = usePlace();
  const acts = useActs();
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  const ofGroup: MenuEntry[] = group
    ? [
        {
          label: t('group.write'),
          icon: <Send size={16} />,
          disabled: scope.length === 0,
          run: () => acts.write(scope),
        },
        {
          label: t('group.edit'),
          icon: <Pencil size={16} />,
          run: () => goTo(group.id, { edit: true }),
        },
        {
          label: t('group.delete'),
          icon: <Trash2 size={16} />,
          run: () => {
            goToGroup(undefined);
            void acts.remove([group]);
          },
        },
        'line',
      ]
    : [];
  const shown: MenuEntry[] =
    room === 'desk'
      ? []
      : [
          { label: t('all'), checked: !group, run: () => goToGroup(undefined) },
          ...groups.map((each) => ({
            label: nameOf(each),
            checked: each.id === group?.id,
            run: () => goToGroup(each.id),
          })),
          'line',
        ];
  return (
    <span className="ms-auto flex">
      {group && room === 'desk' && (
        <IconButton
          label={t('group.write')}
          icon={<Send size={17} />}
          disabled={scope.length === 0}
          onClick={() => acts.write(scope)}
        />
      )}
      {room !== 'desk' && (
        <IconButton label={t('new')} icon={<UserPlus size={18} />} onClick={() => goTo(NEW)} />
      )}
      <Menu
        align="end"
        trigger={<IconButton label={t('more')} icon={<Ellipsis size={18} />} />}
        entries={[
          ...shown,
          ...ofGroup,
          {
            label: t('group.new'),
            icon: <UsersRound size={16} />,
            run: () => goTo(NEW, { kind: 'group' }),
          },
          { label: t('import'), icon: <Upload size={16} />, run: onImport },
          { label: t('merge'), icon: <Combine size={16} />, run: onMerge },
          { label: t('export.all'), icon: <Download size={16} />, run: () => exportCards() },
        ]}
      />
    </span>
  );
}
