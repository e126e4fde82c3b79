// A conversation: messages folded but the newest and the unread ones.
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
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { ensureBody, ensureEmail, useThreadEmails } from '@/api/email';
import { useMailboxes } from '@/api/mailboxes';
import { MethodError } from '@/api/problems';
import { useSettings } from '@/api/settings';
import type { EmailSummary, Id } from '@/api/types';
import { neutral } from '@/body/links';
import { useCommand, useHint } from '@/keys/commands';
import { anyMuted, anyStarred, anyUnread } from '@/mail/act';
import { openComposer } from '@/mail/compose/store';
import { has, inScope, isUnread, roleIn, type Scope } from '@/mail/scope';
import { useActions } from '@/mail/use-actions';
import { type Asked, canSnooze } from '@/mail/use-mail-view';
import { cx, ErrorState, errorText, IconButton, Loading, Menu, toast } from '@/parts';

import { useRoom } from '@/shell/layout';

import { Message, type WriteKind } from './Message';
import { ThreadLabels } from './ThreadLabels';

export interface ThreadProps {
  threadId: Id;
  scope: Scope;
  back: (() => void) | undefined;
  onAct: (action: Asked) => void;
}

// More messages than that are folded into "n earlier messages".
const MANY = 6;

export function ThreadView({ threadId, scope, back, onAct }: ThreadProps) {
  const intl = useIntl();
  const boxes = useMailboxes();
  const { emails: all, pending, error } = useThreadEmails(threadId);
  const [showHidden, setShowHidden] = useState(false);
  const kept = useMemo(() => inScope(all, scope, boxes), [all, scope, boxes]);
  const emails = showHidden ? all : kept;
  if (pending) return <Loading lines={7} />;
  if (error || emails.length === 0) {
    return (
      <>
        {back && <BackBar back={back} />}
        <ErrorState
          error={error ?? new MethodError('notFound', intl.formatMessage({ id: 'thread.gone' }))}
        />
      </>
    );
  }
  return (
    <Conversation
      threadId={threadId}
      emails={emails}
      hidden={all.length - emails.length}
      onShowHidden={() => setShowHidden(true)}
      scope={scope}
      back={back}
      onAct={onAct}
    />
  );
}

function BackBar({ back }: { back: () => void }) {
  const intl = useIntl();
  return (
    <div className="flex h-12 items-center px-2">
      <IconButton
        label={intl.formatMessage({ id: 'key.back' })}
        icon={<ArrowLeft size={19} className="rtl:-scale-x-100" />}
        onClick={back}
      />
    </div>
  );
}

function Conversation({
  threadId,
  emails,
  hidden,
  onShowHidden,
  scope,
  back,
  onAct,
}: ThreadProps & { emails: EmailSummary[]; hidden: number; onShowHidden: () => void }) {
  const intl = useIntl();
  const { act } = useActions();
  const settings = useSettings();
  const scroller = useRef<HTMLDivElement>(null);
  const newest = emails.findLast((email) => !has(email, '$draft')) ?? emails.at(-1);
  // What was unread when the conversation was opened stays unfolded after it was read.
  const [opened, setOpened] = useState<ReadonlySet<Id>>(
    () =>
      new Set(
        emails
          .filter((email, at) => isUnread(email) || at === emails.length - 1)
          .map((email) => email.id),
      ),
  );
  const [showAll, setShowAll] = useState(emails.length <= MANY);
  const [seen, setSeen] = useState(() => new Set(emails.map((email) => email.id)));
  // A message that arrives while one reads is unfolded as well.
  const fresh = emails.filter((email) => !seen.has(email.id));
  if (fresh.length > 0) {
    setSeen(new Set(emails.map((email) => email.id)));
    setOpened(new Set([...opened, ...fresh.map((email) => email.id)]));
  }
  const toggle = useCallback((id: Id) => {
    setOpened((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);

  useMarkRead(
    emails,
    opened,
    settings.markReadAfter,
    (ids) => void act({ kind: 'read' }, { emails: ids }, scope, true),
  );

  const write = useCallback(
    async (kind: WriteKind, id: Id | undefined) => {
      if (id === undefined) return;
      try {
        const [summary, body] = await Promise.all([ensureEmail(id), ensureBody(id)]);
        openComposer({ kind, email: { ...summary, ...body } });
      } catch (error) {
        toast(errorText(intl, error), { kind: 'error' });
      }
    },
    [intl],
  );
  const current = () => focusedMessage() ?? newest?.id;
  useCommand('reply', () => void write('reply', current()));
  useCommand('reply-all', () => void write('reply-all', current()));
  useCommand('forward', () => void write('forward', current()));
  useCommand('expand-all', () => {
    setShowAll(true);
    setOpened(new Set(emails.map((email) => email.id)));
  });
  useCommand('fold-all', () => setOpened(new Set()));
  useCommand('print', () => window.print());
  useCommand('next-message', () => focusMessage(1));
  useCommand('previous-message', () => focusMessage(-1));

  // Long conversations begin at the first unread message, else at the newest.
  useEffect(() => {
    const first = emails.find(isUnread) ?? newest;
    if (emails.length > 1 && first) {
      document.getElementById(`message-${first.id}`)?.scrollIntoView({ block: 'nearest' });
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when it is opened
  }, []);

  const shown = showAll ? emails : [...emails.slice(0, 1), ...emails.slice(-2)];
  const subject =
    neutral(emails[0]?.subject?.trim() ?? '') || intl.formatMessage({ id: 'no-subject' });
  return (
    <>
      <Toolbar emails={emails} scope={scope} back={back} onAct={onAct} />
      <div
        ref={scroller}
        className="min-h-0 flex-1 overflow-y-auto overscroll-contain print:overflow-visible"
        key={threadId}
      >
        <h2 dir="auto" className="px-5 pt-4 pb-3 text-xl leading-snug font-semibold wrap-anywhere">
          {subject}
        </h2>
        <ThreadLabels emails={emails} scope={scope} onAct={onAct} />
        {hidden > 0 && (
          <p className="mx-5 mb-2 rounded-lg bg-warn-soft px-3 py-1.5 text-sm text-warn">
            {intl.formatMessage({ id: 'thread.hidden' }, { count: hidden })}{' '}
            <button type="button" className="font-semibold underline" onClick={onShowHidden}>
              {intl.formatMessage({ id: 'thread.show-hidden' })}
            </button>
          </p>
        )}
        {shown.map((email, at) => (
          <div key={email.id} className={at > 0 ? 'border-t border-line' : ''}>
            {!showAll && at === 1 && (
              <button
                type="button"
                className="mx-5 my-1 block rounded-full border border-line px-4 py-1 text-sm text-accent-ink hover:bg-hover touch:min-h-11"
                onClick={() => setShowAll(true)}
              >
                {intl.formatMessage(
                  { id: 'thread.older' },
                  { count: emails.length - shown.length },
                )}
              </button>
            )}
            <Message
              email={email}
              open={opened.has(email.id)}
              last={email.id === newest?.id}
              onToggle={toggle}
              onWrite={write}
              scope={scope}
            />
          </div>
        ))}
      </div>
    </>
  );
}

function Toolbar({
  emails,
  scope,
  back,
  onAct,
}: {
  emails: EmailSummary[];
  scope: Scope;
  back: (() => void) | undefined;
  onAct: ThreadProps['onAct'];
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

/** Marks what lies unfolded as read, after the seconds that the person chose. */
function useMarkRead(
  emails: readonly EmailSummary[],
  opened: ReadonlySet<Id>,
  after: number,
  read: (ids: Id[]) => void,
): void {
  const done = useRef(new Set<Id>());
  const run = useRef(read);
  useEffect(() => {
    run.current = read;
  });
  useEffect(() => {
    if (after < 0) return undefined;
    const ids = emails
      .filter((email) => opened.has(email.id) && isUnread(email) && !done.current.has(email.id))
      .map((email) => email.id);
    if (ids.length === 0) return undefined;
    const timer = window.setTimeout(() => {
      // Once: marking it unread by hand afterwards holds.
      for (const id of ids) done.current.add(id);
      run.current(ids);
    }, after * 1000);
    return () => window.clearTimeout(timer);
  }, [emails, opened, after]);
}

function focusedMessage(): Id | undefined {
  return document.activeElement?.closest<HTMLElement>('[data-message]')?.dataset['message'];
}

function focusMessage(step: number): void {
  const all = [...document.querySelectorAll<HTMLElement>('[data-message]')];
  const at = all.findIndex((each) => each.dataset['message'] === focusedMessage());
  const to =
    all[
      at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))
    ];
  to?.focus({ preventScroll: true });
  to?.scrollIntoView({ block: 'start' });
}
