import {
  AlarmClock,
  AlarmClockOff,
  Archive,
  BellOff,
  BellRing,
  ChevronDown,
  Ellipsis,
  FolderInput,
  Mail,
  MailOpen,
  RefreshCw,
  ShieldAlert,
  Star,
  Tag,
  Trash2,
  X,
} from 'lucide-react';
import { useIntl } from 'react-intl';

import { useHint } from '@/keys/commands';
import { clearSelection, useListState } from '@/mail/list-state';
import type { Asked } from '@/mail/act';
import { canSnooze } from '@/mail/scope';
import { IconButton, Menu, type MenuEntry } from '@/parts';

interface HeaderProps {
  title: string;
  total: number | undefined;
  /** How many rows are loaded. */
  loaded: number;
  role: string | null;
  busy: boolean;
  onRefresh: () => void;
  onSelect: (which: 'all' | 'none' | 'read' | 'unread' | 'starred' | 'unstarred') => void;
  onSelectMatching: () => void;
  onAct: (action: Asked) => void;
  /** More to do with the whole folder. */
  more: MenuEntry[];
}

/** The name of the list, or what can be done to what is selected. */
export function ListHeader(props: HeaderProps) {
  const { title, total, loaded, role, onSelect, onSelectMatching, onAct } = props;
  const intl = useIntl();
  const selected = useListState((state) => state.selected.size);
  const all = useListState((state) => state.all);
  const t = (id: string) => intl.formatMessage({ id });
  const hints = {
    archive: useHint('archive'),
    delete: useHint('delete'),
    read: useHint('read'),
    move: useHint('move'),
    snooze: useHint('snooze'),
    label: useHint('label'),
    refresh: useHint('refresh'),
  };
  const selecting = all || selected > 0;
  const count = all ? (total ?? 0) : selected;
  return (
    <header className="shrink-0 border-b border-line">
      <div className="flex h-12 items-center gap-0.5 ps-3 pe-2">
        <span className="relative flex size-8 items-center justify-center">
          <input
            type="checkbox"
            aria-label={t(selecting ? 'key.select-none' : 'key.select-all')}
            checked={selecting}
            ref={(box) => {
              if (box) box.indeterminate = selecting && !all && selected < loaded;
            }}
            onChange={() => onSelect(selecting ? 'none' : 'all')}
            className="size-4.5 accent-accent"
          />
        </span>
        <Menu
          trigger={
            <IconButton
              small
              label={t('list.select-menu')}
              icon={<ChevronDown size={14} />}
              className="-ms-1.5 w-5!"
            />
          }
          entries={(['all', 'none', 'read', 'unread', 'starred', 'unstarred'] as const).map(
            (which) => ({
              label: t(`key.select-${which}`),
              run: () => onSelect(which),
            }),
          )}
        />
        {selecting ? (
          <>
            <h1 className="sr-only">{title}</h1>
            <p className="min-w-0 flex-1 truncate px-1 text-sm font-medium" role="status">
              {intl.formatMessage({ id: 'list.selected' }, { count })}
            </p>
            {role !== 'archive' && role !== 'trash' && role !== 'drafts' && (
              <IconButton
                label={t('key.archive')}
                hint={hints.archive}
                icon={<Archive size={18} />}
                onClick={() => onAct({ kind: 'archive' })}
              />
            )}
            {role === 'trash' ? (
              <IconButton
                label={t('act.destroy')}
                icon={<Trash2 size={18} />}
                onClick={() => onAct('destroy')}
              />
            ) : (
              <IconButton
                label={t('key.delete')}
                hint={hints.delete}
                icon={<Trash2 size={18} />}
                onClick={() => onAct({ kind: 'trash' })}
              />
            )}
            <IconButton
              label={t('key.move')}
              hint={hints.move}
              icon={<FolderInput size={18} />}
              onClick={() => onAct('pick-move')}
            />
            {canSnooze(role) && (
              <IconButton
                label={t('key.snooze')}
                hint={hints.snooze}
                icon={<AlarmClock size={18} />}
                onClick={() => onAct('pick-snooze')}
              />
            )}
            <Menu
              align="end"
              trigger={<IconButton label={t('more')} icon={<Ellipsis size={18} />} />}
              entries={[
                {
                  label: t('key.label'),
                  icon: <Tag size={16} />,
                  hint: hints.label,
                  run: () => onAct('pick-label'),
                },
                ...(role === 'snoozed'
                  ? [
                      {
                        label: t('act.unsnooze'),
                        icon: <AlarmClockOff size={16} />,
                        run: () => onAct({ kind: 'unsnooze' }),
                      },
                    ]
                  : []),
                {
                  label: t('key.read'),
                  icon: <MailOpen size={16} />,
                  hint: hints.read,
                  run: () => onAct({ kind: 'read' }),
                },
                {
                  label: t('key.unread'),
                  icon: <Mail size={16} />,
                  run: () => onAct({ kind: 'unread' }),
                },
                {
                  label: t('key.star'),
                  icon: <Star size={16} />,
                  run: () => onAct({ kind: 'star' }),
                },
                {
                  label: t('act.unstar'),
                  icon: <Star size={16} />,
                  run: () => onAct({ kind: 'unstar' }),
                },
                {
                  label: t('key.mute'),
                  icon: <BellOff size={16} />,
                  run: () => onAct({ kind: 'mute' }),
                },
                {
                  label: t('act.unmute'),
                  icon: <BellRing size={16} />,
                  run: () => onAct({ kind: 'unmute' }),
                },
                role === 'junk'
                  ? {
                      label: t('act.not-spam'),
                      icon: <ShieldAlert size={16} />,
                      run: () => onAct({ kind: 'not-spam' }),
                    }
                  : {
                      label: t('key.spam'),
                      icon: <ShieldAlert size={16} />,
                      run: () => onAct({ kind: 'spam' }),
                    },
              ]}
            />
            <IconButton
              label={t('key.select-none')}
              icon={<X size={18} />}
              onClick={clearSelection}
            />
          </>
        ) : (
          <>
            <h1 className="min-w-0 truncate px-1 text-lg font-semibold">
              <bdi>{title}</bdi>
            </h1>
            <span className="flex-1 ps-1 text-sm whitespace-nowrap text-muted">
              {total !== undefined && (
                <>
                  <span aria-hidden>{intl.formatNumber(total)}</span>
                  <span className="sr-only">
                    {intl.formatMessage({ id: 'list.total' }, { count: total })}
                  </span>
                </>
              )}
            </span>
            <IconButton
              label={t('key.refresh')}
              hint={hints.refresh}
              icon={<RefreshCw size={17} className={props.busy ? 'spin' : ''} />}
              onClick={props.onRefresh}
            />
            {props.more.length > 0 && (
              <Menu
                align="end"
                trigger={<IconButton label={t('more')} icon={<Ellipsis size={18} />} />}
                entries={props.more}
              />
            )}
          </>
        )}
      </div>
      {selecting && !all && total !== undefined && selected >= loaded && total > selected && (
        <p className="bg-accent-soft px-4 py-1.5 text-center text-sm text-accent-ink">
          {intl.formatMessage({ id: 'list.selected.loaded' }, { count: selected })}{' '}
          <button
            type="button"
            className="font-semibold underline touch:min-h-11"
            onClick={onSelectMatching}
          >
            {intl.formatMessage({ id: 'list.select.matching' }, { count: total })}
          </button>
        </p>
      )}
    </header>
  );
}
