// The bar above a mailing list's message: who asked, what happens, how it went.
import { MailMinus } from 'lucide-react';
import { useState } from 'react';
import { type IntlShape, useIntl } from 'react-intl';

import { mailboxes } from '@/api/mailboxes';
import type { EmailBody, EmailSummary } from '@/api/types';
import { Button, confirm, errorText, toast } from '@/parts';

import { goOut, UNSUBSCRIBED, type WayOut, waysOut } from './unsubscribe';

export function UnsubscribeBar({ email, body }: { email: EmailSummary; body: EmailBody }) {
  const intl = useIntl();
  const [busy, setBusy] = useState(false);
  const ways = waysOut(body);
  // To answer spam tells its sender that somebody reads here.
  const junk = mailboxes().find((box) => box.role === 'junk')?.id;
  if (ways.length === 0 || email.mailboxIds[junk ?? '']) return null;
  const done = email.keywords[UNSUBSCRIBED] === true;
  const leave = async () => {
    setBusy(true);
    await ask(intl, email, ways);
    setBusy(false);
  };
  return (
    <div className="mx-5 mb-1 flex min-h-8 flex-wrap items-center gap-x-3 text-sm text-muted print:hidden">
      <span className="flex-1" role="status">
        {intl.formatMessage({ id: done ? 'unsubscribe.done' : 'unsubscribe.list' })}
      </span>
      {!done && (
        <Button
          kind="plain"
          icon={<MailMinus size={15} />}
          className="h-8 px-2 text-sm"
          busy={busy}
          onClick={() => void leave()}
        >
          {intl.formatMessage({ id: 'unsubscribe' })}
        </Button>
      )}
    </div>
  );
}

/** Asks, goes the first way; when that fails, the next one is offered. */
async function ask(intl: IntlShape, email: EmailSummary, ways: WayOut[]): Promise<void> {
  const [way, ...others] = ways;
  if (!way) return;
  const what = way.kind === 'mail' ? { address: way.address } : { host: way.host };
  const yes = await confirm({
    title: intl.formatMessage({ id: 'unsubscribe.title' }),
    text: intl.formatMessage({ id: `unsubscribe.${way.kind}` }, what),
    confirm: intl.formatMessage({ id: 'unsubscribe' }),
  });
  if (!yes) return;
  try {
    await goOut(way, email);
    if (way.kind !== 'web') {
      toast(intl.formatMessage({ id: 'unsubscribe.asked' }), { kind: 'success' });
    }
  } catch (error) {
    const text = intl.formatMessage({ id: 'unsubscribe.failed' }, { why: errorText(intl, error) });
    const next = {
      label: intl.formatMessage({ id: 'unsubscribe.other' }),
      run: () => void ask(intl, email, others),
    };
    toast(text, { kind: 'error', ...(others.length > 0 && { action: next }) });
  }
}
