import { useIntl } from 'react-intl';

import type { EmailAddress, EmailBody, EmailSummary } from '@/api/types';
import { neutral } from '@/body/links';
import { longDate, size } from '@/text/dates';

/** A person by name, or by address. Letters that turn text around are taken out, the rest is isolated. */
export function nameOf(address: EmailAddress | undefined): string {
  if (!address) return '';
  return neutral(address.name?.trim() ?? '') || address.email;
}

function Person({ address }: { address: EmailAddress }) {
  const name = neutral(address.name?.trim() ?? '');
  return (
    <span className="block">
      {name !== '' && <bdi>{name} </bdi>}
      <bdi className="text-muted">&lt;{address.email}&gt;</bdi>
    </span>
  );
}

/** The header in full. */
export function Details({ email, body }: { email: EmailSummary; body: EmailBody | undefined }) {
  const intl = useIntl();
  const people: [string, EmailAddress[] | null | undefined][] = [
    ['message.from', email.from],
    ['message.reply-to', body?.replyTo],
    ['message.to.label', email.to],
    ['message.cc', email.cc],
    ['message.bcc', body?.bcc],
  ];
  const list = body?.['header:List-Id:asText'];
  const automatic = body?.['header:Auto-Submitted:asText'];
  return (
    <dl className="mx-5 mb-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 rounded-xl bg-canvas px-4 py-3 text-sm wrap-anywhere">
      {people.map(
        ([id, addresses]) =>
          addresses &&
          addresses.length > 0 && (
            <Line key={id} label={intl.formatMessage({ id })}>
              {addresses.slice(0, 200).map((address, at) => (
                <Person key={at} address={address} />
              ))}
            </Line>
          ),
      )}
      {email.sentAt && (
        <Line label={intl.formatMessage({ id: 'message.date' })}>
          {longDate(intl.locale, email.sentAt)}
        </Line>
      )}
      <Line label={intl.formatMessage({ id: 'message.received' })}>
        {longDate(intl.locale, email.receivedAt)}
      </Line>
      {list && (
        <Line label={intl.formatMessage({ id: 'message.list' })}>
          <bdi>{neutral(list)}</bdi>
        </Line>
      )}
      {automatic && automatic.trim().toLowerCase() !== 'no' && (
        <Line label="">{intl.formatMessage({ id: 'message.automatic' })}</Line>
      )}
      <Line label={intl.formatMessage({ id: 'message.size' })}>
        {size(intl.locale, email.size)}
      </Line>
    </dl>
  );
}

function Line({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <>
      <dt className="text-muted">{label}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  );
}
