// A conversation: messages folded but the newest and the unread ones.
import { ArrowLeft } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { ensureBody, ensureEmail, useThreadEmails } from '@/api/email';
import { useMailboxes } from '@/api/mailboxes';
import { MethodError } from '@/api/problems';
import { useSettings } from '@/api/settings';
import type { EmailSummary, Id } from '@/api/types';
import { neutral } from '@/body/links';
import { useCommand } from '@/keys/commands';
import type { Asked } from '@/mail/act';
import { openComposer } from '@/mail/compose/store';
import { has, inScope, isUnread, type Scope } from '@/mail/scope';
import { useActions } from '@/mail/use-actions';
import { ErrorState, errorText, IconButton, Loading, toast } from '@/parts';

import { Message, type WriteKind } from './Message';
import { focusedMessage, focusMessage, useMarkRead } from './reading';
import { ThreadLabels } from './ThreadLabels';
import { ThreadToolbar } from './ThreadToolbar';

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

  // Alone on a phone, it is what the view is about; else the list beside it is.
  const Heading = back ? 'h1' : 'h2';
  const shown = showAll ? emails : [...emails.slice(0, 1), ...emails.slice(-2)];
  const subject =
    neutral(emails[0]?.subject?.trim() ?? '') || intl.formatMessage({ id: 'no-subject' });
  return (
    <>
      <ThreadToolbar emails={emails} scope={scope} back={back} onAct={onAct} />
      <div
        ref={scroller}
        className="min-h-0 flex-1 overflow-y-auto overscroll-contain print:overflow-visible"
        key={threadId}
      >
        <Heading
          dir="auto"
          className="px-5 pt-4 pb-3 text-xl leading-snug font-semibold wrap-anywhere"
        >
          {subject}
        </Heading>
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
