import { Link } from '@tanstack/react-router';
import {
  AlarmClock,
  Archive,
  ChevronDown,
  File,
  Folder,
  Inbox,
  Send,
  ShieldAlert,
  Trash2,
} from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useIntl } from 'react-intl';

import { type MailboxNode, mailboxPath } from '@/api/mailboxes';
import { useSettings } from '@/api/settings';
import type { Id, Mailbox } from '@/api/types';
import { DRAG_TYPE, endDrag, useDrag } from '@/mail/drag';
import { colourOf, inColour } from '@/mail/labels/colours';
import { useActions } from '@/mail/use-actions';
import { cx, showContextMenu } from '@/parts';
import { mailboxName } from '@/text/mailbox-name';

import { useMailboxMenu } from './use-mailbox-menu';

const ICONS: Record<string, ReactNode> = {
  inbox: <Inbox size={18} />,
  snoozed: <AlarmClock size={18} />,
  archive: <Archive size={18} />,
  drafts: <File size={18} />,
  sent: <Send size={18} />,
  junk: <ShieldAlert size={18} />,
  trash: <Trash2 size={18} />,
};

/** A line of the column. */
export const LINE =
  'flex h-9 items-center gap-3 rounded-lg pe-3 text-base hover:bg-hover touch:h-11 [&>svg]:shrink-0 [&>svg]:text-muted';
export const CURRENT = 'bg-accent-soft! font-semibold text-accent-ink [&>svg]:text-accent-ink!';

/** A folder with those in it. */
export function FolderNode({
  node,
  current,
  all = false,
  onGo,
}: {
  node: MailboxNode;
  current: Id;
  /** Also those that are hidden. */
  all?: boolean;
  onGo: (() => void) | undefined;
}) {
  const intl = useIntl();
  const [folded, setFolded] = useState(false);
  const { mailbox, depth, children } = node;
  const name = mailboxName(intl, mailbox);
  const count =
    mailbox.role === 'drafts' || mailbox.role === 'snoozed'
      ? mailbox.totalEmails
      : mailbox.role === 'trash'
        ? 0
        : mailbox.unreadThreads;
  const menu = useMailboxMenu();
  const drop = useDrop(mailbox);
  const isCurrent = current === mailbox.id;
  const colour = colourOf(mailbox.id, useSettings());
  const hidden = !mailbox.isSubscribed && mailbox.role === null;
  if (hidden && !all && children.length === 0 && !isCurrent) return null;
  return (
    <li>
      <div className="relative">
        <Link
          to="/mail/$mailbox"
          params={{ mailbox: mailboxPath(mailbox) }}
          aria-current={isCurrent ? 'page' : undefined}
          className={cx(LINE, isCurrent && CURRENT, drop.over && 'outline-2 outline-accent')}
          style={{ paddingInlineStart: 12 + depth * 16 }}
          draggable={false}
          onClick={onGo}
          onContextMenu={(event) => showContextMenu(event, name, menu(mailbox))}
          {...drop.handlers}
        >
          {ICONS[mailbox.role ?? ''] ?? (
            <Folder size={18} className={cx(colour && 'label-icon')} style={inColour(colour)} />
          )}
          <bdi className={cx('min-w-0 flex-1 truncate', count > 0 && 'font-semibold')}>{name}</bdi>
          {count > 0 && (
            <span className="text-xs font-semibold">
              <span aria-hidden>{intl.formatNumber(count)}</span>
              <span className="sr-only">
                {intl.formatMessage(
                  {
                    id:
                      mailbox.role === 'drafts' || mailbox.role === 'snoozed'
                        ? 'mailbox.items'
                        : 'mailbox.unread',
                  },
                  { count },
                )}
              </span>
            </span>
          )}
        </Link>
        {children.length > 0 && (
          <button
            type="button"
            aria-expanded={!folded}
            aria-label={intl.formatMessage({ id: 'folder.children' }, { name })}
            className="absolute top-1/2 inline-flex size-5 -translate-y-1/2 items-center justify-center rounded text-muted hover:bg-hover"
            style={{ insetInlineStart: depth * 16 - 7 }}
            onClick={() => setFolded(!folded)}
          >
            <ChevronDown size={13} className={cx(folded && '-rotate-90 rtl:rotate-90')} />
          </button>
        )}
      </div>
      {children.length > 0 && !folded && (
        <ul>
          {children.map((child) => (
            <FolderNode
              key={child.mailbox.id}
              node={child}
              current={current}
              all={all}
              onGo={onGo}
            />
          ))}
        </ul>
      )}
    </li>
  );
}

/** Conversations dropped here are moved here; with Ctrl or Alt held, they get it as a label. */
function useDrop(mailbox: Mailbox) {
  const asLabel = (event: React.DragEvent) =>
    mailbox.role === null && (event.ctrlKey || event.altKey || event.metaKey);
  const [over, setOver] = useState(false);
  const { act } = useActions();
  const takes = (event: React.DragEvent) => {
    const drag = useDrag.getState().drag;
    const from = drag?.scope.kind === 'mailbox' ? drag.scope.mailbox.id : null;
    return (
      event.dataTransfer.types.includes(DRAG_TYPE) &&
      from !== mailbox.id &&
      // What is snoozed needs a time, which a drop does not tell.
      mailbox.role !== 'drafts' &&
      mailbox.role !== 'snoozed'
    );
  };
  return {
    over,
    handlers: {
      onDragOver: (event: React.DragEvent) => {
        if (!takes(event)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = asLabel(event) ? 'copy' : 'move';
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDrop: (event: React.DragEvent) => {
        setOver(false);
        const drag = useDrag.getState().drag;
        if (!drag || !takes(event)) return;
        event.preventDefault();
        endDrag();
        void act(
          mailbox.role === 'trash'
            ? { kind: 'trash' }
            : mailbox.role === 'junk'
              ? { kind: 'spam' }
              : asLabel(event)
                ? { kind: 'labels', on: [mailbox.id], off: [] }
                : { kind: 'move', to: mailbox.id },
          { threads: drag.threads },
          drag.scope,
        );
      },
    },
  };
}
