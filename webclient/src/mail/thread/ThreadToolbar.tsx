import {
  AlarmClock,
  Archive,
  ArrowLeft,
  BellOff,
  BellRing,
  Ellipsis,
  FolderInput,
  Mail,
  Printer,
  ShieldAlert,
  ShieldCheck,
  Star,
  Tag,
  Trash2,
} from 'lucide-react';
import { useIntl } from 'react-intl';

import type { EmailSummary } from '@/api/types';
import { useHint } from '@/keys/commands';
import { anyMuted, anyStarred, anyUnread, type Asked } from '@/mail/act';
import { canSnooze, roleIn, type Scope } from '@/mail/scope';
import { cx, IconButton, Menu } from '@/parts';
import { useRoom } from '@/shell/layout';

/** What can be done to the conversation that is open. */
export function ThreadToolbar({
  emails,
  scope,
  back,
  onAct,
}: {
  emails: EmailSummary[];
  scope: Scope;
  back: (() => void) | undefined;
  onAct: (action: Asked) => void;
}) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id });
  const role = roleIn(scope);
  const starred = anyStarred(emails);
  const unread = anyUnread(emails);
  const muted = anyMuted(emails);
  const spam =
    role === 'junk' ? (
      <IconButton
        label={t('act.not-spam')}
        icon={<ShieldCheck size={18} />}
        onClick={() => onAct({ kind: 'not-spam' })}
      />
    ) : (
      <IconButton
        label={t('key.spam')}
        icon={<ShieldAlert size={18} />}
        onClick={() => onAct({ kind: 'spam' })}
      />
    );
  const room = useRoom();
  const hints = {
    archive: useHint('archive'),
    delete: useHint('delete'),
    move: useHint('move'),
    label: useHint('label'),
    snooze: useHint('snooze'),
    mute: useHint('mute'),
    star: useHint('star'),
    unread: useHint('unread'),
  };
  return (
    <div
      role="toolbar"
      aria-label={t('thread.region')}
      className="flex h-12 shrink-0 items-center gap-0.5 border-b border-line px-2 print:hidden"
    >
      {back && (
        <IconButton
          label={t('key.back')}
          icon={<ArrowLeft size={19} className="rtl:-scale-x-100" />}
          onClick={back}
        />
      )}
      {role !== 'archive' && role !== 'trash' && role !== 'drafts' && role !== 'sent' && (
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
      {room !== 'phone' && spam}
      <IconButton
        label={t('key.move')}
        hint={hints.move}
        icon={<FolderInput size={18} />}
        onClick={() => onAct('pick-move')}
      />
      {room !== 'phone' && (
        <IconButton
          label={t('key.label')}
          hint={hints.label}
          icon={<Tag size={18} />}
          onClick={() => onAct('pick-label')}
        />
      )}
      {canSnooze(role) && (
        <IconButton
          label={t('key.snooze')}
          hint={hints.snooze}
          icon={<AlarmClock size={18} />}
          onClick={() => onAct('pick-snooze')}
        />
      )}
      <IconButton
        label={t('key.unread')}
        hint={hints.unread}
        icon={<Mail size={18} />}
        disabled={unread}
        onClick={() => onAct({ kind: 'unread' })}
      />
      <span className="flex-1" />
      <IconButton
        label={t(starred ? 'act.unstar' : 'key.star')}
        hint={hints.star}
        icon={<Star size={18} className={cx(starred && 'fill-star text-star')} />}
        onClick={() => onAct({ kind: starred ? 'unstar' : 'star' })}
      />
      <Menu
        align="end"
        trigger={<IconButton label={t('more')} icon={<Ellipsis size={18} />} />}
        entries={[
          {
            label: t('message.print'),
            icon: <Printer size={16} />,
            run: () => setTimeout(() => window.print(), 100),
          },
          {
            label: t(role === 'junk' ? 'act.not-spam' : 'key.spam'),
            icon: <ShieldAlert size={16} />,
            run: () => onAct({ kind: role === 'junk' ? 'not-spam' : 'spam' }),
          },
          {
            label: t('key.label'),
            icon: <Tag size={16} />,
            hint: hints.label,
            run: () => onAct('pick-label'),
          },
          {
            label: t(muted ? 'act.unmute' : 'key.mute'),
            icon: muted ? <BellRing size={16} /> : <BellOff size={16} />,
            hint: hints.mute,
            run: () => onAct({ kind: muted ? 'unmute' : 'mute' }),
          },
        ]}
      />
    </div>
  );
}
