// Beside the list, on a desk: everybody, and the groups.
import { Link } from '@tanstack/react-router';
import { Contact as ContactIcon, Plus, UserPlus, UsersRound } from 'lucide-react';
import { useIntl } from 'react-intl';

import type { Contact } from '@/api/contacts';
import type { Id } from '@/api/types';
import { useHint } from '@/keys/commands';
import { Button, cx, IconButton } from '@/parts';

import { NEW, usePlace } from './address';
import { isGroup, membersOf, nameOf } from './people';

const LINE =
  'flex h-9 items-center gap-3 rounded-lg px-3 text-base hover:bg-hover touch:h-11 [&>svg]:shrink-0 [&>svg]:text-muted';
const CURRENT = 'bg-accent-soft! font-semibold text-accent-ink [&>svg]:text-accent-ink!';

export function Groups({
  groups,
  all,
  current,
}: {
  groups: readonly Contact[];
  all: readonly Contact[];
  current: Id | undefined;
}) {
  const intl = useIntl();
  const { goTo } = usePlace();
  const hint = useHint('compose');
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  const line = (id: Id | undefined, name: string, count: number, icon: React.ReactNode) => (
    <li key={id ?? 'all'}>
      <Link
        to="/people"
        search={{ group: id }}
        aria-current={current === id ? 'page' : undefined}
        className={cx(LINE, current === id && CURRENT)}
      >
        {icon}
        <bdi className="min-w-0 flex-1 truncate">{name}</bdi>
        <span className="text-xs text-muted">{intl.formatNumber(count)}</span>
      </Link>
    </li>
  );
  return (
    <div className="flex min-h-0 w-60 shrink-0 flex-col">
      <div className="shrink-0 px-3 pb-3">
        <Button
          kind="primary"
          className="h-10 w-full rounded-xl shadow-sm"
          icon={<UserPlus size={17} />}
          data-tip={hint ? t('new') : undefined}
          data-tip-keys={hint}
          onClick={() => goTo(NEW)}
        >
          {t('new')}
        </Button>
      </div>
      <nav aria-label={t('title')} className="min-h-0 flex-1 overflow-y-auto px-2 pb-4">
        <ul>
          {line(
            undefined,
            t('all'),
            all.filter((each) => !isGroup(each)).length,
            <ContactIcon size={18} />,
          )}
        </ul>
        <div className="mt-3 flex items-center justify-between ps-3">
          <h2 className="text-xs font-semibold text-muted">{t('groups')}</h2>
          <IconButton
            small
            label={t('group.new')}
            icon={<Plus size={16} />}
            onClick={() => goTo(NEW, { kind: 'group' })}
          />
        </div>
        <ul>
          {groups.map((group) =>
            line(group.id, nameOf(group), membersOf(group, all).length, <UsersRound size={18} />),
          )}
        </ul>
      </nav>
    </div>
  );
}
