// The folders: a column on a desk, a drawer on smaller screens.
import { Link } from '@tanstack/react-router';
import {
  AlarmClock,
  Archive,
  ChevronDown,
  EyeOff,
  File,
  Folder,
  FolderPlus,
  Inbox,
  Layers,
  PenLine,
  Send,
  ShieldAlert,
  Star,
  Trash2,
  X,
} from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { type MailboxNode, mailboxPath, useMailboxes, useMailboxTree } from '@/api/mailboxes';
import { updateSettings, useSettings } from '@/api/settings';
import type { Id, Mailbox } from '@/api/types';
import { useHint } from '@/keys/commands';
import { openComposer } from '@/mail/compose/store';
import { DRAG_TYPE, endDrag, useDrag } from '@/mail/drag';
import { colourOf, inColour } from '@/mail/labels/colours';
import { useActions } from '@/mail/use-actions';
import { Button, cx, IconButton, showContextMenu } from '@/parts';
import { useLayout, useRoom } from '@/shell/layout';
import { Resizer } from '@/shell/Resizer';
import { mailboxName } from '@/text/mailbox-name';

import { SavedSearches } from './SavedSearches';
import { useCreateMailbox, useMailboxMenu } from './use-mailbox-menu';

const ICONS: Record<string, ReactNode> = {
  inbox: <Inbox size={18} />,
  snoozed: <AlarmClock size={18} />,
  archive: <Archive size={18} />,
  drafts: <File size={18} />,
  sent: <Send size={18} />,
  junk: <ShieldAlert size={18} />,
  trash: <Trash2 size={18} />,
};

export function Sidebar({ current }: { current: Id }) {
  const intl = useIntl();
  const room = useRoom();
  const drawer = useLayout((state) => state.drawer);
  const { sidebarWidth } = useSettings();
  const [dragged, setWidth] = useState<number | null>(null);
  const width = dragged ?? sidebarWidth;
  if (room === 'desk') {
    return (
      <>
        <div className="flex min-h-0 shrink-0 flex-col print:hidden" style={{ width }}>
          <Contents current={current} />
        </div>
        <Resizer
          label={intl.formatMessage({ id: 'resize.sidebar' })}
          width={width}
          least={180}
          most={380}
          onWidth={setWidth}
          onDone={(to) => {
            setWidth(to);
            void updateSettings({ sidebarWidth: to }).catch(() => undefined);
          }}
        />
      </>
    );
  }
  return drawer ? <Drawer current={current} /> : null;
}

function Drawer({ current }: { current: Id }) {
  const intl = useIntl();
  const box = useRef<HTMLDialogElement>(null);
  const close = () => useLayout.setState({ drawer: false });
  useEffect(() => {
    // The browser's own modal: it traps the focus and gives it back.
    box.current?.showModal();
  }, []);
  return (
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- Escape closes it, a click outside too
    <dialog
      ref={box}
      aria-label={intl.formatMessage({ id: 'mailboxes' })}
      className="m-0 h-dvh max-h-none w-72 max-w-[85vw] border-e border-line bg-canvas text-ink backdrop:bg-black/45"
      onClose={close}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <div className="flex h-full flex-col pt-2">
        <div className="flex justify-end px-2">
          <IconButton
            label={intl.formatMessage({ id: 'menu.close' })}
            icon={<X size={18} />}
            onClick={close}
          />
        </div>
        <Contents current={current} onGo={close} />
      </div>
    </dialog>
  );
}

function Contents({ current, onGo }: { current: Id; onGo?: () => void }) {
  const intl = useIntl();
  const tree = useMailboxTree();
  const create = useCreateMailbox();
  const compose = useHint('compose');
  const roles = tree.filter((node) => node.mailbox.role !== null);
  const own = tree.filter((node) => node.mailbox.role === null);
  const [all, setAll] = useState(false);
  const hidden = useMailboxes().filter((box) => !box.isSubscribed && box.role === null).length;
  const [inbox, ...others] = roles;
  const t = (id: string) => intl.formatMessage({ id });
  const special = (kind: 'starred' | 'all', icon: ReactNode) => (
    <li>
      <Link
        to="/mail/$mailbox"
        params={{ mailbox: kind }}
        aria-current={current === kind ? 'page' : undefined}
        className={cx(LINE, current === kind && CURRENT)}
        style={{ paddingInlineStart: 12 }}
        onClick={onGo}
      >
        {icon}
        <span className="flex-1">{t(`mailbox.${kind}`)}</span>
      </Link>
    </li>
  );
  return (
    <>
      <div className="shrink-0 px-3 pb-3">
        <Button
          kind="primary"
          className="h-10 w-full rounded-xl shadow-sm"
          icon={<PenLine size={17} />}
          data-tip={compose ? t('compose') : undefined}
          data-tip-keys={compose}
          onClick={() => {
            onGo?.();
            openComposer({ kind: 'new' });
          }}
        >
          {t('compose')}
        </Button>
      </div>
      <nav aria-label={t('mailboxes')} className="min-h-0 flex-1 overflow-y-auto px-2 pb-4">
        <ul>
          {inbox && <Node node={inbox} current={current} onGo={onGo} />}
          {special('starred', <Star size={18} />)}
          {others.map((node) => (
            <Node key={node.mailbox.id} node={node} current={current} onGo={onGo} />
          ))}
          {special('all', <Layers size={18} />)}
        </ul>
        <div className="mt-3 flex items-center justify-between ps-3">
          <h2 className="text-xs font-semibold text-muted">{t('mailboxes')}</h2>
          <IconButton
            small
            label={t('folder.new')}
            icon={<FolderPlus size={16} />}
            onClick={() => void create(null)}
          />
        </div>
        <ul>
          {own.map((node) => (
            <Node key={node.mailbox.id} node={node} current={current} all={all} onGo={onGo} />
          ))}
        </ul>
        {hidden > 0 && (
          <button
            type="button"
            aria-expanded={all}
            className={cx(LINE, 'w-full ps-3 text-sm text-muted')}
            onClick={() => setAll(!all)}
          >
            {all ? <ChevronDown size={16} /> : <EyeOff size={16} />}
            {intl.formatMessage({ id: 'folder.hidden' }, { count: hidden })}
          </button>
        )}
        <SavedSearches onGo={onGo} />
      </nav>
    </>
  );
}

const LINE =
  'flex h-9 items-center gap-3 rounded-lg pe-3 text-base hover:bg-hover touch:h-11 [&>svg]:shrink-0 [&>svg]:text-muted';
const CURRENT = 'bg-accent-soft! font-semibold text-accent-ink [&>svg]:text-accent-ink!';

function Node({
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
            <Node key={child.mailbox.id} node={child} current={current} all={all} onGo={onGo} />
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
