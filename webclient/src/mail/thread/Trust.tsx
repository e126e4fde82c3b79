// What the server made of a message when it came, and why: a badge, warnings above the text, a panel.
import { ShieldAlert, ShieldCheck, ShieldQuestion, ShieldX, UserRoundPlus } from 'lucide-react';
import { type ReactNode, useId } from 'react';
import { type IntlShape, useIntl } from 'react-intl';

import { mailboxes } from '@/api/mailboxes';
import type { EmailBody, EmailSummary, TrustReason, Verdict } from '@/api/types';
import { neutral } from '@/body/links';
import { Button, cx, IconButton } from '@/parts';

type Standing = 'junk' | 'warned' | 'vouched' | 'unknown';

/** Said beside the name, not in the bar: most who write for the first time mean well. */
const QUIET = new Set(['first-contact']);

export const loudWarnings = (verdict: Verdict): TrustReason[] =>
  verdict.warnings.filter((each) => !QUIET.has(each.code));

export function standingOf(verdict: Verdict): Standing {
  if (verdict.action === 'junk') return 'junk';
  if (loudWarnings(verdict).length > 0) return 'warned';
  return verdict.reasons.some((each) => each.code === 'dmarc-passed') ? 'vouched' : 'unknown';
}

/** A reason in the reader's language; one that this client does not know yet as the server has it. */
export function reasonText(intl: IntlShape, reason: TrustReason): string {
  const id = `trust.${reason.code}`;
  if (intl.messages[id] === undefined) return neutral(reason.text);
  const values = Object.entries(reason.detail).map(([name, value]) => [
    name.replaceAll('-', '_'),
    neutral(value),
  ]);
  return intl.formatMessage({ id }, Object.fromEntries(values) as Record<string, string>);
}

const ICONS: Record<Standing, ReactNode> = {
  junk: <ShieldX size={16} className="text-danger" />,
  warned: <ShieldAlert size={16} className="text-warn" />,
  vouched: <ShieldCheck size={16} className="text-success" />,
  unknown: <ShieldQuestion size={16} />,
};

export function TrustBadge({
  verdict,
  shown,
  onToggle,
}: {
  verdict: Verdict | null | undefined;
  shown: boolean;
  onToggle: () => void;
}) {
  const intl = useIntl();
  if (!verdict) return null;
  const standing = standingOf(verdict);
  return (
    <IconButton
      small
      label={intl.formatMessage({ id: `trust.standing.${standing}` })}
      hint={intl.formatMessage({ id: 'trust.why' })}
      pressed={shown}
      icon={ICONS[standing]}
      onClick={onToggle}
    />
  );
}

/** Beside the name of somebody who never wrote before. */
export function FirstContact({ body }: { body: EmailBody | undefined }) {
  const intl = useIntl();
  const first = body?.verdict?.warnings.some((each) => each.code === 'first-contact');
  if (first !== true || body?.isNewToThread === true) return null;
  return (
    <span className="inline-flex shrink-0 items-center gap-1 text-xs text-muted">
      <UserRoundPlus size={13} aria-hidden />
      {intl.formatMessage({ id: 'trust.first' })}
    </span>
  );
}

/** Above the text: why it lies in Spam, or what to beware of. */
export function TrustBar({
  email,
  verdict,
  shown,
  onToggle,
  onNotSpam,
}: {
  email: EmailSummary;
  verdict: Verdict | null | undefined;
  shown: boolean;
  onToggle: () => void;
  onNotSpam: () => void;
}) {
  const intl = useIntl();
  const panel = useId();
  if (!verdict) return null;
  const junk = mailboxes().find((box) => box.role === 'junk')?.id ?? '';
  const lies = email.mailboxIds[junk] === true && verdict.action === 'junk';
  const first = verdict.reasons[0];
  const told = lies && first ? [first] : loudWarnings(verdict);
  // Who took it out of Spam knows better.
  const quiet = told.length === 0 || (verdict.action === 'junk' && !lies);
  return (
    <>
      {!quiet && (
        <section
          aria-label={intl.formatMessage({ id: 'trust.label' })}
          className={cx(
            'mx-5 mb-2 flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg px-3 py-2 text-sm print:hidden',
            lies ? 'bg-danger-soft' : 'bg-warn-soft',
          )}
        >
          {ICONS[lies ? 'junk' : 'warned']}
          <span className="min-w-40 flex-1">
            {lies && (
              <span className="font-medium">{intl.formatMessage({ id: 'trust.in-spam' })} </span>
            )}
            {told.map((each) => (
              <span key={each.code} className="wrap-anywhere">
                {reasonText(intl, each)}{' '}
              </span>
            ))}
          </span>
          <Button
            kind="plain"
            className="h-8 px-2 text-sm"
            aria-expanded={shown}
            aria-controls={panel}
            onClick={onToggle}
          >
            {intl.formatMessage({ id: 'trust.why' })}
          </Button>
          {lies && (
            <Button className="h-8 px-2 text-sm" onClick={onNotSpam}>
              {intl.formatMessage({ id: 'act.not-spam' })}
            </Button>
          )}
        </section>
      )}
      {shown && <TrustPanel id={panel} verdict={verdict} />}
    </>
  );
}

function TrustPanel({ id, verdict }: { id: string; verdict: Verdict }) {
  const intl = useIntl();
  const t = (name: string) => intl.formatMessage({ id: name });
  const reasons = [...verdict.reasons].sort((a, b) => b.weight - a.weight);
  return (
    <section
      id={id}
      aria-label={t('trust.why')}
      className="mx-5 mb-3 rounded-xl border border-line px-3 py-2 text-sm print:hidden"
    >
      <p className="font-medium">{t(`trust.standing.${standingOf(verdict)}`)}</p>
      <ul className="mt-1 flex flex-col gap-1">
        {reasons.map((each, at) => (
          <li key={at} className="flex items-baseline gap-2">
            <span
              className={cx(
                'w-10 shrink-0 text-end text-xs tabular-nums',
                each.weight > 0 ? 'text-danger' : each.weight < 0 ? 'text-success' : 'text-muted',
              )}
            >
              {intl.formatNumber(each.weight, { signDisplay: 'exceptZero' })}
            </span>
            <span className="min-w-0 wrap-anywhere">{reasonText(intl, each)}</span>
          </li>
        ))}
        {reasons.length === 0 && <li className="text-muted">{t('trust.nothing')}</li>}
      </ul>
      <p className="mt-2 text-xs text-muted">
        {intl.formatMessage({ id: 'trust.sum' }, { score: intl.formatNumber(verdict.score) })}
      </p>
    </section>
  );
}
