import { useNavigate } from '@tanstack/react-router';
import {
  ChevronDown,
  Ellipsis,
  Forward,
  MailPlus,
  Paperclip,
  Reply,
  ReplyAll,
  Star,
  UserPlus,
} from 'lucide-react';
import { lazy, memo, Suspense, useState } from 'react';
import { useIntl } from 'react-intl';

import { downloadUrl } from '@/api/blobs';
import { useBody } from '@/api/email';
import { useMe } from '@/api/session';
import type { EmailSummary, Id } from '@/api/types';
import { neutral } from '@/body/links';
import { openComposer } from '@/mail/compose/store';
import { has, isUnread, type Scope } from '@/mail/scope';
import { useActions } from '@/mail/use-actions';
import {
  Avatar,
  Button,
  cx,
  Dialog,
  ErrorState,
  IconButton,
  Loading,
  Menu,
  type MenuEntry,
} from '@/parts';
import { longDate, shortDate } from '@/text/dates';

import { follow, TextPreview } from './Attachments';
import { Newcomer } from './Newcomer';
import { Details, nameOf } from './People';
import { Timeline } from './Timeline';
import { FirstContact, TrustBadge, TrustBar } from './Trust';

const MessageBody = lazy(() =>
  import('./MessageBody').then((module) => ({ default: module.MessageBody })),
);

export type WriteKind = 'reply' | 'reply-all' | 'reply-list' | 'forward' | 'forward-as-attachment';

interface MessageProps {
  email: EmailSummary;
  open: boolean;
  /** The newest one: its buttons have words. */
  last: boolean;
  scope: Scope;
  onToggle: (id: Id) => void;
  onWrite: (kind: WriteKind, id: Id) => Promise<void>;
}

export const Message = memo(function Message({
  email,
  open,
  last,
  scope,
  onToggle,
  onWrite,
}: MessageProps) {
  const intl = useIntl();
  const me = useMe();
  const navigate = useNavigate();
  const { act } = useActions();
  const t = (id: string) => intl.formatMessage({ id });
  const { data: body, error, refetch } = useBody(email.id, open);
  const [details, setDetails] = useState(false);
  const [source, setSource] = useState(false);
  const [why, setWhy] = useState(false);
  const [plain, setPlain] = useState(false);
  const [paper, setPaper] = useState(false);
  const from = email.from?.[0];
  const sender = nameOf(from) || t('list.unknown');
  const draft = has(email, '$draft');
  const own = from?.email.toLowerCase() === me.address.toLowerCase();
  const everybody = [...(email.to ?? []), ...(email.cc ?? [])];
  const others = everybody.filter((each) => each.email.toLowerCase() !== me.address.toLowerCase());
  const names = everybody
    .slice(0, 4)
    .map((each) =>
      each.email.toLowerCase() === me.address.toLowerCase() ? t('message.me') : nameOf(each),
    );
  const starred = has(email, '$flagged');
  const list = body?.['header:List-Post:asURLs']?.some((url) => /^mailto:/i.test(url)) ?? false;
  const hasHtml = body?.htmlBody.some((part) => part.type === 'text/html') ?? false;
  const rawUrl = downloadUrl(
    email.blobId,
    `${neutral(email.subject ?? '') || 'message'}.eml`,
    'message/rfc822',
  );
  const menu: MenuEntry[] = [
    {
      label: t('key.reply'),
      icon: <Reply size={16} />,
      run: () => void onWrite('reply', email.id),
    },
    {
      label: t('key.reply-all'),
      icon: <ReplyAll size={16} />,
      run: () => void onWrite('reply-all', email.id),
    },
    ...(list
      ? [
          {
            label: t('message.reply-list'),
            icon: <MailPlus size={16} />,
            run: () => void onWrite('reply-list', email.id),
          },
        ]
      : []),
    {
      label: t('key.forward'),
      icon: <Forward size={16} />,
      run: () => void onWrite('forward', email.id),
    },
    {
      label: t('message.forward-attached'),
      icon: <Paperclip size={16} />,
      run: () => void onWrite('forward-as-attachment', email.id),
    },
    'line',
    {
      label: t('message.unread-from-here'),
      disabled: isUnread(email),
      run: () => void act({ kind: 'unread' }, { emails: [email.id] }, scope),
    },
    {
      label: t('key.delete'),
      run: () => void act({ kind: 'trash' }, { emails: [email.id] }, scope),
    },
    'line',
    ...(hasHtml
      ? [
          { label: t(plain ? 'message.html' : 'message.plain'), run: () => setPlain(!plain) },
          {
            label: t(paper ? 'message.dark-colours' : 'message.original-colours'),
            run: () => setPaper(!paper),
          },
        ]
      : []),
    {
      label: t(starred ? 'act.unstar' : 'key.star'),
      run: () => void act({ kind: starred ? 'unstar' : 'star' }, { emails: [email.id] }, scope),
    },
    ...(from && !own
      ? [
          {
            // Who is one already is shown there.
            label: t('message.contact'),
            icon: <UserPlus size={16} />,
            run: () =>
              void navigate({
                to: '/people/$person',
                params: { person: 'new' },
                search: { email: from.email, name: neutral(from.name ?? '') || undefined },
              }),
          },
        ]
      : []),
    { label: t('message.details'), run: () => setDetails(!details) },
    { label: t('message.source'), run: () => setSource(true) },
    { label: t('message.source.download'), run: () => follow(rawUrl, 'message.eml') },
  ];
  return (
    <article
      id={`message-${email.id}`}
      data-message={email.id}
      tabIndex={-1}
      aria-label={intl.formatMessage({ id: 'message.frame' }, { name: sender })}
      className="outline-none"
    >
      <header className="relative flex items-center gap-3 px-5 py-2.5">
        <button
          type="button"
          aria-expanded={open}
          aria-label={intl.formatMessage(
            { id: open ? 'message.fold' : 'message.unfold' },
            { name: sender },
          )}
          className="absolute inset-0 hover:bg-hover/60"
          onClick={() => onToggle(email.id)}
        />
        <span className="pointer-events-none relative flex min-w-0 flex-1 items-center gap-3">
          <Avatar name={from?.name ?? ''} address={from?.email ?? '?'} size={36} />
          <span className="min-w-0 flex-1">
            <span className="flex items-baseline gap-2">
              <bdi className={cx('truncate', isUnread(email) ? 'font-bold' : 'font-semibold')}>
                {sender}
              </bdi>
              {open && from && sender !== from.email && (
                <bdi className="hidden min-w-0 truncate text-sm text-muted sm:inline">
                  &lt;{from.email}&gt;
                </bdi>
              )}
              {open && <Newcomer body={body} />}
              {open && <FirstContact body={body} />}
              {draft && <span className="text-sm text-danger">{t('message.draft')}</span>}
            </span>
            {open ? (
              <span className="block truncate text-sm text-muted">
                {intl.formatMessage(
                  { id: 'message.to' },
                  { names: intl.formatList(names.length > 0 ? names : ['—']) },
                )}
                {everybody.length > names.length &&
                  ` +${intl.formatNumber(everybody.length - names.length)}`}
              </span>
            ) : (
              <span dir="auto" className="block truncate text-sm text-muted">
                {neutral(email.preview)}
              </span>
            )}
          </span>
        </span>
        {email.hasAttachment && !open && (
          <Paperclip
            size={15}
            className="relative text-muted"
            role="img"
            aria-label={t('list.attachment')}
          />
        )}
        <time
          dateTime={email.receivedAt}
          title={longDate(intl.locale, email.receivedAt)}
          className="pointer-events-none relative text-xs whitespace-nowrap text-muted"
        >
          {shortDate(intl.locale, email.receivedAt)}
        </time>
        {open && (
          <span className="relative -me-2 flex print:hidden">
            <TrustBadge verdict={body?.verdict} shown={why} onToggle={() => setWhy(!why)} />
            <IconButton
              small
              label={t('message.details')}
              pressed={details}
              className="max-sm:hidden"
              icon={<ChevronDown size={16} />}
              onClick={() => setDetails(!details)}
            />
            <IconButton
              small
              label={t(starred ? 'act.unstar' : 'key.star')}
              className="max-sm:hidden"
              icon={<Star size={16} className={cx(starred && 'fill-star text-star')} />}
              onClick={() =>
                void act({ kind: starred ? 'unstar' : 'star' }, { emails: [email.id] }, scope)
              }
            />
            {!draft && (
              <IconButton
                small
                label={t('key.reply')}
                icon={<Reply size={16} />}
                onClick={() => void onWrite('reply', email.id)}
              />
            )}
            <Menu
              align="end"
              trigger={<IconButton small label={t('more')} icon={<Ellipsis size={16} />} />}
              entries={menu}
            />
          </span>
        )}
      </header>
      {open && (
        <>
          {details && <Details email={email} body={body} />}
          <TrustBar
            email={email}
            verdict={body?.verdict}
            shown={why}
            onToggle={() => setWhy(!why)}
            onNotSpam={() => void act({ kind: 'not-spam' }, { emails: [email.id] }, scope)}
          />
          {error && <ErrorState error={error} retry={() => void refetch()} />}
          {!error && !body && <Loading />}
          {body && (
            <Suspense fallback={<Loading />}>
              <MessageBody email={email} body={body} plain={plain} paper={paper} />
            </Suspense>
          )}
          {own && !draft && <Timeline emailId={email.id} />}
          {draft ? (
            <p className="px-5 pb-4 print:hidden">
              <Button
                kind="soft"
                onClick={() => openComposer({ kind: 'draft', emailId: email.id })}
              >
                {t('message.edit')}
              </Button>
            </p>
          ) : (
            last && (
              <p className="flex flex-wrap gap-2 px-5 pt-1 pb-6 print:hidden">
                <Button icon={<Reply size={16} />} onClick={() => void onWrite('reply', email.id)}>
                  {t('key.reply')}
                </Button>
                {others.length > 0 && everybody.length > 1 && (
                  <Button
                    icon={<ReplyAll size={16} />}
                    onClick={() => void onWrite('reply-all', email.id)}
                  >
                    {t('key.reply-all')}
                  </Button>
                )}
                <Button
                  icon={<Forward size={16} />}
                  onClick={() => void onWrite('forward', email.id)}
                >
                  {t('key.forward')}
                </Button>
              </p>
            )
          )}
        </>
      )}
      {source && (
        <Dialog
          open
          wide
          onClose={() => setSource(false)}
          title={t('message.source.title')}
          actions={
            <Button kind="primary" onClick={() => follow(rawUrl, 'message.eml')}>
              {t('message.source.download')}
            </Button>
          }
        >
          <TextPreview url={rawUrl} />
        </Dialog>
      )}
    </article>
  );
});
