// The folders: a column on a desk, a drawer on smaller screens.
import { Link } from '@tanstack/react-router';
import { ChevronDown, EyeOff, FolderPlus, Layers, PenLine, Star, X } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { useMailboxes, useMailboxTree } from '@/api/mailboxes';
import { updateSettings, useSettings } from '@/api/settings';
import type { Id } from '@/api/types';
import { useHint } from '@/keys/commands';
import { openComposer } from '@/mail/compose/store';
import { Button, cx, IconButton } from '@/parts';
import { useLayout, useRoom } from '@/shell/layout';
import { Resizer } from '@/shell/Resizer';

import { CURRENT, FolderNode, LINE } from './FolderNode';
import { SavedSearches } from './SavedSearches';
import { useCreateMailbox } from './use-mailbox-menu';

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
          {inbox && <FolderNode node={inbox} current={current} onGo={onGo} />}
          {special('starred', <Star size={18} />)}
          {others.map((node) => (
            <FolderNode key={node.mailbox.id} node={node} current={current} onGo={onGo} />
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
            <FolderNode key={node.mailbox.id} node={node} current={current} all={all} onGo={onGo} />
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
