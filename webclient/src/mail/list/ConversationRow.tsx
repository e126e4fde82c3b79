import { AlarmClock, Archive, Mail, MailOpen, Star, Trash2 } from 'lucide-react';
import { memo, type MouseEvent } from 'react';
import { useIntl } from 'react-intl';

import { useEmail, useThreadEmails } from '@/api/email';
import type { Row } from '@/api/list';
import { useMailboxes } from '@/api/mailboxes';
import { useMe } from '@/api/session';
import { neutral } from '@/body/links';
import type { EmailSummary } from '@/api/types';
import { anyStarred, anyUnread, type Asked } from '@/mail/act';
import { isLabel, labelsOf } from '@/mail/labels/choice';
import { LabelChip } from '@/mail/labels/LabelChip';
import { boxesOf, canSnooze, has, inScope, roleIn, type Scope } from '@/mail/scope';
import { Avatar, cx, IconButton } from '@/parts';
import { shortDate, snoozeDate } from '@/text/dates';

import { Marked } from './Marked';
import { Marks } from './Marks';
import { namesOf } from './names';
import { RowLink, RowSkeleton } from './RowLink';

export interface RowHandlers {
  onSelect: (index: number, event: { shiftKey: boolean }) => void;
  onAct: (index: number, action: Asked) => void;
  onContextMenu: (index: number, event: MouseEvent<HTMLElement>) => void;
  onDragStart: (index: number, event: React.DragEvent<HTMLElement>) => void;
  onDragEnd: () => void;
}

interface RowProps {
  row: Row;
  index: number;
  scope: Scope;
  collapse: boolean;
  selected: boolean;
  selecting: boolean;
  /** The row that has the tab stop. */
  current: boolean;
  open: boolean;
  /** From SearchSnippet/get: text with <mark>, everything else escaped (RFC 8621 §5.1). */
  snippet?: { subject: string | null; preview: string | null } | undefined;
  handlers: RowHandlers;
}

/** A conversation, or a message where conversations are switched off. */
export const ConversationRow = memo(function ConversationRow(props: RowProps) {
  return props.collapse ? <Collapsed {...props} /> : <Single {...props} />;
});

const NOTHING: EmailSummary[] = [];

function Collapsed(props: RowProps) {
  const { emails } = useThreadEmails(props.row.threadId);
  const boxes = useMailboxes();
  return <Drawn {...props} emails={inScope(emails, props.scope, boxes)} />;
}

function Single(props: RowProps) {
  const { data } = useEmail(props.row.id);
  return <Drawn {...props} emails={data ? [data] : NOTHING} />;
}

function Drawn({
  row,
  index,
  scope,
  selected,
  selecting,
  current,
  open,
  emails,
  snippet,
  handlers,
}: RowProps & { emails: EmailSummary[] }) {
  const intl = useIntl();
  const me = useMe();
  const boxes = useMailboxes();
  const newest = emails.find((email) => email.id === row.id) ?? emails.at(-1);
  if (!newest) return <RowSkeleton />;
  const role = roleIn(scope);
  const outgoing = role === 'sent' || role === 'drafts';
  const unread = anyUnread(emails);
  const starred = anyStarred(emails);
  const names = namesOf(emails, me.address, outgoing, intl.formatMessage({ id: 'list.me' }));
  const draft = emails.some((email) => has(email, '$draft'));
  const first = outgoing ? newest.to?.[0] : newest.from?.[0];
  const subject = neutral(newest.subject?.trim() ?? '') || intl.formatMessage({ id: 'no-subject' });
  const date = shortDate(intl.locale, newest.receivedAt);
  const until = emails.findLast((email) => email.snoozed)?.snoozed?.until;
  const here = scope.kind === 'mailbox' ? scope.mailbox.id : null;
  // Where one looks at many places, also which one of them it is.
  const places = here === null ? boxesOf(newest, boxes).filter((box) => !isLabel(box)) : [];
  const labels = [...places, ...labelsOf(emails, boxes, here)];
  const select = intl.formatMessage({ id: 'list.select' }, { subject });
  const act = (action: Asked) => (event: MouseEvent) => {
    event.preventDefault();
    event.stopPropagation();
    handlers.onAct(index, action);
  };
  const waste = role === 'trash';
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- the row around it has the role
    <div
      className={cx(
        'group relative flex h-full items-center gap-3 border-b border-line/70 ps-3 pe-3 transition-colors',
        selected
          ? 'bg-chosen'
          : open
            ? 'bg-accent-soft'
            : unread
              ? 'bg-surface hover:bg-hover'
              : 'bg-canvas hover:bg-hover',
      )}
      draggable
      onDragStart={(event) => handlers.onDragStart(index, event)}
      onDragEnd={handlers.onDragEnd}
      onContextMenu={(event) => handlers.onContextMenu(index, event)}
    >
      {(unread || open) && (
        <span
          aria-hidden
          className={cx(
            'absolute inset-y-0 inset-s-0 w-[3px]',
            open ? 'bg-accent' : 'bg-accent/70',
          )}
        />
      )}
      <div role="gridcell" className="relative z-10 shrink-0">
        <label className="relative flex size-8 cursor-default items-center justify-center touch:size-11">
          <input
            type="checkbox"
            tabIndex={-1}
            checked={selected}
            aria-label={select}
            onClick={(event) => {
              event.stopPropagation();
              handlers.onSelect(index, event);
            }}
            onChange={() => undefined}
            className={cx(
              'peer absolute size-4.5 accent-accent',
              !selected &&
                !selecting &&
                'opacity-0 group-hover:opacity-100 focus-visible:opacity-100',
            )}
          />
          <span
            aria-hidden
            className={cx(
              'pointer-events-none',
              selected || selecting
                ? 'opacity-0'
                : 'group-hover:opacity-0 peer-focus-visible:opacity-0',
            )}
          >
            <Avatar name={first?.name ?? ''} address={first?.email ?? '?'} size={32} />
          </span>
        </label>
      </div>
      <div role="gridcell" className="min-w-0 flex-1">
        <RowLink scope={scope} threadId={row.threadId} current={current}>
          <span className="flex items-baseline gap-2">
            {unread && <span className="sr-only">{intl.formatMessage({ id: 'list.unread' })}</span>}
            <span className={cx('min-w-0 truncate', unread ? 'font-semibold' : 'text-ink')}>
              {outgoing && (
                <span className="text-muted">{intl.formatMessage({ id: 'list.to' })} </span>
              )}
              {names.length === 0 && (
                <span className="text-muted">
                  {intl.formatMessage({ id: outgoing ? 'list.nobody' : 'list.unknown' })}
                </span>
              )}
              {names.map((name, at) => (
                <bdi key={at}>
                  {at > 0 && ', '}
                  {name}
                </bdi>
              ))}
            </span>
            {emails.length > 1 && (
              <span className="text-xs text-muted">
                <span aria-hidden>{intl.formatNumber(emails.length)}</span>
                <span className="sr-only">
                  {intl.formatMessage({ id: 'list.count' }, { count: emails.length })}
                </span>
              </span>
            )}
            {draft && role !== 'drafts' && (
              <span className="text-xs text-danger">
                {intl.formatMessage({ id: 'list.draft' })}
              </span>
            )}
            <span className="flex-1" />
            <Marks emails={emails} until={role === 'snoozed' ? undefined : until} />
            <time
              dateTime={role === 'snoozed' && until !== undefined ? until : newest.receivedAt}
              className={cx(
                'shrink-0 text-xs',
                unread ? 'font-semibold text-accent-ink' : 'text-muted',
              )}
            >
              {role === 'snoozed' && until !== undefined
                ? intl.formatMessage(
                    { id: 'list.until' },
                    { until: snoozeDate(intl.locale, until) },
                  )
                : date}
            </time>
          </span>
          <span className="flex items-baseline gap-2">
            {labels.slice(0, 3).map((box) => (
              <LabelChip key={box.id} box={box} />
            ))}
            <span className="min-w-0 truncate">
              <bdi className={cx(unread && 'font-medium')}>
                {snippet?.subject ? <Marked html={snippet.subject} /> : subject}
              </bdi>
              <bdi className="text-muted">
                {' '}
                {snippet?.preview ? <Marked html={snippet.preview} /> : neutral(newest.preview)}
              </bdi>
            </span>
          </span>
        </RowLink>
      </div>
      <div
        role="gridcell"
        className="absolute inset-y-0 inset-e-2 z-10 hidden items-center bg-inherit ps-2 group-hover:flex touch:hidden!"
      >
        {role !== 'archive' && !outgoing && !waste && (
          <IconButton
            small
            tabIndex={-1}
            label={intl.formatMessage({ id: 'key.archive' })}
            icon={<Archive size={16} />}
            onClick={act({ kind: 'archive' })}
          />
        )}
        <IconButton
          small
          tabIndex={-1}
          label={intl.formatMessage({ id: waste ? 'act.destroy' : 'key.delete' })}
          icon={<Trash2 size={16} />}
          onClick={act(waste ? 'destroy' : { kind: 'trash' })}
        />
        {canSnooze(role) && (
          <IconButton
            small
            tabIndex={-1}
            label={intl.formatMessage({ id: 'key.snooze' })}
            icon={<AlarmClock size={16} />}
            onClick={act('pick-snooze')}
          />
        )}
        <IconButton
          small
          tabIndex={-1}
          label={intl.formatMessage({ id: unread ? 'key.read' : 'key.unread' })}
          icon={unread ? <MailOpen size={16} /> : <Mail size={16} />}
          onClick={act({ kind: unread ? 'read' : 'unread' })}
        />
        <IconButton
          small
          tabIndex={-1}
          label={intl.formatMessage({ id: starred ? 'act.unstar' : 'key.star' })}
          icon={<Star size={16} className={cx(starred && 'fill-star text-star')} />}
          onClick={act({ kind: starred ? 'unstar' : 'star' })}
        />
      </div>
    </div>
  );
}
