import { ShieldCheck, ShieldOff } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Button } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge, Section } from '@/parts/Section';

import { PasswordDialog } from '../PasswordDialog';
import { beginTotp, newRecoveryCodes, removeTotp, type TotpBegun, useFactor } from './security';
import { TotpDialog } from './TotpDialog';

type Open = 'begin' | 'remove' | 'codes' | null;

/** Codes of an authenticator app, and the codes for when it is lost. */
export function TotpSection({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const intl = useIntl();
  const query = useFactor();
  const [open, setOpen] = useState<Open>(null);
  const [begun, setBegun] = useState<TotpBegun | null>(null);
  const t = (id: string) => intl.formatMessage({ id: `settings.totp.${id}` });
  const close = () => setOpen(null);
  return (
    <Section title={t('title')} text={t('text')}>
      <Loaded query={query} lines={2}>
        {(factor) => (
          <>
            <div className="flex flex-wrap items-center gap-3">
              <span className={factor.totp ? 'text-success' : 'text-muted'} aria-hidden>
                {factor.totp ? <ShieldCheck size={22} /> : <ShieldOff size={22} />}
              </span>
              <div className="min-w-0 flex-1 basis-40">
                <p className="flex flex-wrap items-center gap-2 font-medium">
                  {t('app')}
                  <Badge tone={factor.totp ? 'good' : 'plain'}>
                    {t(factor.totp ? 'on' : 'off')}
                  </Badge>
                </p>
                <p className="text-sm text-muted">{t('app.text')}</p>
              </div>
              {factor.totp ? (
                <Button onClick={() => setOpen('remove')}>{t('turn-off')}</Button>
              ) : (
                <Button kind="primary" onClick={() => setOpen('begin')}>
                  {t('turn-on')}
                </Button>
              )}
            </div>
            {(factor.totp || factor.passkeys > 0) && (
              <div className="flex flex-wrap items-center gap-3 border-t border-line pt-4">
                <div className="min-w-0 flex-1 basis-40">
                  <p className="flex flex-wrap items-center gap-2 font-medium">
                    {t('recovery')}
                    <Badge tone={factor.recoveryCodes < 3 ? 'warn' : 'plain'}>
                      {intl.formatMessage(
                        { id: 'settings.totp.recovery.left' },
                        { count: factor.recoveryCodes },
                      )}
                    </Badge>
                  </p>
                  <p className="text-sm text-muted">{t('recovery.text')}</p>
                </div>
                <Button onClick={() => setOpen('codes')}>{t('recovery.new')}</Button>
              </div>
            )}
          </>
        )}
      </Loaded>
      {open === 'begin' && (
        <PasswordDialog
          title={t('turn-on')}
          confirm={t('continue')}
          run={async (password) => setBegun(await beginTotp(password))}
          onClose={close}
        />
      )}
      {begun && (
        <TotpDialog
          begun={begun}
          onClose={() => setBegun(null)}
          onDone={(codes) => {
            setBegun(null);
            onCodes(codes);
          }}
        />
      )}
      {open === 'remove' && (
        <PasswordDialog
          title={t('turn-off')}
          text={t('turn-off.text')}
          confirm={t('turn-off')}
          danger
          run={removeTotp}
          onClose={close}
        />
      )}
      {open === 'codes' && (
        <PasswordDialog
          title={t('recovery.new')}
          text={t('recovery.new.text')}
          confirm={t('recovery.new')}
          run={async (password) => onCodes(await newRecoveryCodes(password))}
          onClose={close}
        />
      )}
    </Section>
  );
}
