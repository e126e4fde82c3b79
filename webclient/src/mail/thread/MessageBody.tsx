import { Image } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { downloadUrl } from '@/api/blobs';
import { updateSettings, useSettings } from '@/api/settings';
import type { EmailBody, EmailSummary } from '@/api/types';
import { HtmlBody } from '@/mail/body/HtmlBody';
import { PlainBody } from '@/mail/body/PlainBody';
import { errorText, toast } from '@/parts';
import { useShownTheme } from '@/theme/theme';

import { Attachments } from './Attachments';
import { calendarPart, Invitation } from './Invitation';
import { nameOf } from './People';
import { ProtectionBar } from './ProtectionBar';
import { UnsubscribeBar } from './UnsubscribeBar';
import { useShownBody } from './use-body';

/** What the message says, the bars above it, and what is attached. */
export function MessageBody({
  email,
  body,
  plain,
  paper,
}: {
  email: EmailSummary;
  body: EmailBody;
  plain: boolean;
  paper: boolean;
}) {
  const intl = useIntl();
  const settings = useSettings();
  const theme = useShownTheme();
  const sender = email.from?.[0]?.email.toLowerCase() ?? '';
  const trusted =
    settings.remoteImages === 'always' ||
    (settings.remoteImages === 'trusted' && settings.trustedSenders.includes(sender));
  const [once, setOnce] = useState(false);
  const images = trusted || once;
  const shown = useShownBody(body, images);
  const html = plain ? null : shown.html;
  const change = (next: Parameters<typeof updateSettings>[0]) => {
    updateSettings(next).catch((error: unknown) =>
      toast(errorText(intl, error), { kind: 'error' }),
    );
  };
  const name = nameOf(email.from?.[0]);
  const calendar = calendarPart(body);
  return (
    <>
      <UnsubscribeBar email={email} body={body} />
      <ProtectionBar
        body={body}
        rawUrl={downloadUrl(email.blobId, 'message.eml', 'message/rfc822')}
      />
      {calendar && <Invitation part={calendar} />}
      {html && html.blocked > 0 && !images && (
        <Bar tinted>
          <Image size={16} className="shrink-0 text-muted" aria-hidden />
          <span className="min-w-40 flex-1">
            {intl.formatMessage({ id: 'images.blocked' }, { count: html.blocked })}
          </span>
          <button
            type="button"
            className="font-semibold text-accent-ink touch:min-h-11"
            onClick={() => setOnce(true)}
          >
            {intl.formatMessage({ id: 'images.show' })}
          </button>
          {sender !== '' && settings.remoteImages === 'trusted' && (
            <button
              type="button"
              className="font-semibold text-accent-ink touch:min-h-11"
              onClick={() =>
                change({ trustedSenders: [...settings.trustedSenders, sender].slice(-2000) })
              }
            >
              {intl.formatMessage({ id: 'images.trust' }, { sender })}
            </button>
          )}
        </Bar>
      )}
      {html && html.remote.length > 0 && settings.remoteImages === 'trusted' && trusted && (
        <Bar>
          <span className="flex-1">{intl.formatMessage({ id: 'images.off' }, { sender })}</span>
          <button
            type="button"
            className="font-semibold text-accent-ink touch:min-h-11"
            onClick={() =>
              change({ trustedSenders: settings.trustedSenders.filter((each) => each !== sender) })
            }
          >
            {intl.formatMessage({ id: 'images.untrust' })}
          </button>
        </Bar>
      )}
      {html ? (
        <HtmlBody
          cleaned={html}
          dark={
            theme === 'dark' &&
            settings.darkBodies &&
            !paper &&
            !settings.originalColours.includes(sender)
          }
          askBeforeOddLinks={settings.askBeforeOddLinks}
          title={intl.formatMessage({ id: 'message.frame' }, { name })}
        />
      ) : (
        <PlainBody text={shown.text} />
      )}
      {shown.cut && (
        <p className="px-5 pb-2 text-sm text-muted">{intl.formatMessage({ id: 'message.cut' })}</p>
      )}
      {shown.attachments.length > 0 && <Attachments parts={shown.attachments} />}
    </>
  );
}

function Bar({ tinted, children }: { tinted?: boolean; children: React.ReactNode }) {
  return (
    <div
      className={`mx-5 mb-1 flex flex-wrap items-center gap-x-3 rounded-lg text-sm text-muted print:hidden ${tinted ? 'bg-canvas px-3 py-2 text-ink' : ''}`}
    >
      {children}
    </div>
  );
}
