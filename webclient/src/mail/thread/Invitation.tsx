// The card of an invitation: what, when, where, who. The file itself opens in one's calendar.
import { useQuery } from '@tanstack/react-query';
import { CalendarDays } from 'lucide-react';
import { type IntlShape, useIntl } from 'react-intl';

import { downloadUrl } from '@/api/blobs';
import { fetchOrThrow } from '@/api/problems';
import type { BodyPart, EmailBody } from '@/api/types';
import { neutral } from '@/body/links';
import { Button, cx } from '@/parts';

import { follow } from './Attachments';
import { invitationOf, type Invitation as Found, type Moment } from './calendar';

const LARGEST = 500_000; // octets
const DAY = 86_400_000; // milliseconds

/** The calendar file of a message; undefined: none that is shown. */
export function calendarPart(body: EmailBody): BodyPart | undefined {
  return [...body.attachments, ...body.textBody].find(
    (part) => part.type === 'text/calendar' && part.blobId !== null && part.size < LARGEST,
  );
}

export function Invitation({ part }: { part: BodyPart }) {
  const intl = useIntl();
  const name = part.name ?? 'invitation.ics';
  const url = downloadUrl(part.blobId ?? '', name, part.type);
  const { data } = useQuery({
    queryKey: ['invitation', part.blobId],
    queryFn: async () => invitationOf(await (await fetchOrThrow(url)).text()),
  });
  if (!data) return null; // the file stands among the attachments all the same
  const cancelled = data.method === 'CANCEL';
  const kind = { REQUEST: 'request', CANCEL: 'cancel', REPLY: 'reply' }[data.method] ?? 'event';
  const lines = [neutral(data.location), neutral(data.organizer)].filter((line) => line !== '');
  return (
    <section
      aria-label={intl.formatMessage({ id: `invitation.${kind}` })}
      className="mx-5 my-2 flex max-w-[80ch] flex-wrap items-start gap-x-3 gap-y-2 rounded-xl border border-line px-4 py-3"
    >
      <CalendarDays size={20} className="mt-0.5 shrink-0 text-muted" aria-hidden />
      <div className="min-w-48 flex-1 wrap-anywhere">
        <p className="text-sm text-muted">{intl.formatMessage({ id: `invitation.${kind}` })}</p>
        <p dir="auto" className={cx('font-semibold', cancelled && 'line-through')}>
          {neutral(data.summary) || intl.formatMessage({ id: 'no-subject' })}
        </p>
        <p className="text-sm">
          {when(intl, data)}
          {data.repeats && ` ${intl.formatMessage({ id: 'invitation.repeats' })}`}
        </p>
        {lines.map((line) => (
          <p key={line} dir="auto" className="text-sm text-muted">
            {line}
          </p>
        ))}
      </div>
      <Button className="print:hidden" onClick={() => follow(url, name)}>
        {intl.formatMessage({ id: 'invitation.file' })}
      </Button>
    </section>
  );
}

/** In the reader's own zone, but for whole days and for zones that are not known. */
function when(intl: IntlShape, { start, end }: Found): string {
  if (!start) return '';
  const format = new Intl.DateTimeFormat(intl.locale, {
    dateStyle: 'full',
    ...(start.kind !== 'day' && { timeStyle: 'short' }),
    ...(start.kind !== 'moment' && { timeZone: 'UTC' }),
  });
  const last = end?.kind === start.kind ? lastOf(end) : null;
  const text =
    last && last > start.date ? format.formatRange(start.date, last) : format.format(start.date);
  return start.kind === 'floating' && start.zone !== '' ? `${text} (${neutral(start.zone)})` : text;
}

/** The day behind the last one is written (RFC 5545 §3.6.1). */
const lastOf = ({ kind, date }: Moment) => (kind === 'day' ? new Date(date.getTime() - DAY) : date);
