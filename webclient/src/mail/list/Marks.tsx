// The small signs of a row: what is attached, starred, answered, waiting, back, muted.
import { AlarmClock, BellOff, BellRing, CornerUpLeft, Paperclip, Star } from 'lucide-react';
import { useIntl } from 'react-intl';

import type { EmailSummary } from '@/api/types';
import { anyMuted, anyStarred } from '@/mail/act';
import { has } from '@/mail/scope';
import { cx } from '@/parts';
import { snoozeDate } from '@/text/dates';

export function Marks({ emails, until }: { emails: EmailSummary[]; until: string | undefined }) {
  const intl = useIntl();
  const t = (id: string, values?: Record<string, string>) => intl.formatMessage({ id }, values);
  const mark = (Icon: typeof Star, label: string, className = 'text-muted') => (
    <Icon
      size={14}
      className={cx('shrink-0 self-center', className)}
      aria-label={label}
      role="img"
    />
  );
  return (
    <>
      {until !== undefined &&
        mark(AlarmClock, t('list.snoozed', { until: snoozeDate(intl.locale, until) }))}
      {emails.some((email) => has(email, '$new')) &&
        mark(BellRing, t('list.back'), 'text-accent-ink')}
      {anyMuted(emails) && mark(BellOff, t('list.muted'))}
      {emails.some((email) => has(email, '$answered')) && mark(CornerUpLeft, t('list.answered'))}
      {emails.some((email) => email.hasAttachment) && mark(Paperclip, t('list.attachment'))}
      {anyStarred(emails) && mark(Star, t('list.starred'), 'fill-star text-star')}
    </>
  );
}
