import { Apple, KeyRound } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { Button } from '@/parts';
import { CopyButton } from '@/parts/Copied';
import { Loaded } from '@/parts/Loaded';
import { Section } from '@/parts/Section';

import { NewAppPassword } from '../app-passwords/NewAppPassword';
import { saveFile } from '../save-file';
import { useFactor } from '../security/security';
import { appleProfile } from './apple';
import { type MailServer, useMailServers } from './servers';

/** What a mail program wants to know: servers, ports, user name, and a password of its own. */
export function MailAppPage() {
  const intl = useIntl();
  const me = useMe();
  const query = useMailServers();
  const factor = useFactor().data;
  const [making, setMaking] = useState(false);
  const t = (id: string) => intl.formatMessage({ id: `settings.mail-app.${id}` });
  const needed = factor && factor.appPasswordsOnly && (factor.totp || factor.passkeys > 0);
  return (
    <>
      <Section title={t('password')} text={t(needed ? 'password.needed' : 'password.text')}>
        <div>
          <Button kind="primary" icon={<KeyRound size={16} />} onClick={() => setMaking(true)}>
            {t('password.make')}
          </Button>
        </div>
      </Section>
      <Section bare title={t('servers')} text={t('servers.text')}>
        <Loaded query={query} lines={6}>
          {(servers) => (
            <div className="flex flex-col gap-4">
              <ServerTable title={t('imap')} servers={pick(servers, 'imap')} login={me.address} />
              <ServerTable title={t('smtp')} servers={pick(servers, 'smtp')} login={me.address} />
            </div>
          )}
        </Loaded>
      </Section>
      <AppleSection servers={query.data ?? []} />
      <Section title={t('others')}>
        <p>{t('others.jmap')}</p>
        <dl>
          <Line label={t('jmap')} value={`${window.location.origin}/.well-known/jmap`} copy />
        </dl>
      </Section>
      {making && <NewAppPassword name={t('password.name')} onClose={() => setMaking(false)} />}
    </>
  );
}

const pick = (servers: readonly MailServer[], service: 'imap' | 'smtp') =>
  servers.filter((each) => each.service === service);

function ServerTable({
  title,
  servers,
  login,
}: {
  title: string;
  servers: readonly MailServer[];
  login: string;
}) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `settings.mail-app.${id}` });
  const [best, ...others] = servers;
  return (
    <div className="rounded-xl border border-line bg-surface p-4 dark:bg-raised/40">
      <h3 className="mb-2 font-medium">{title}</h3>
      {best ? (
        <dl className="flex flex-col gap-1">
          <Line label={t('host')} value={best.host} copy />
          <Line label={t('port')} value={String(best.port)} copy />
          <Line label={t('security')} value={t(`security.${best.security}`)} />
          <Line label={t('login')} value={login} copy />
          <Line label={t('auth')} value={t('auth.normal')} />
        </dl>
      ) : (
        <p className="text-muted">{t('none')}</p>
      )}
      {others.map((each) => (
        <p key={each.port} className="mt-2 text-sm text-muted">
          {intl.formatMessage(
            { id: 'settings.mail-app.or' },
            { port: String(each.port), security: t(`security.${each.security}`) },
          )}
        </p>
      ))}
    </div>
  );
}

function Line({ label, value, copy }: { label: string; value: string; copy?: boolean }) {
  return (
    <div className="flex min-h-8 flex-wrap items-center gap-x-3">
      <dt className="w-32 shrink-0 text-sm text-muted">{label}</dt>
      <dd className="flex min-w-0 items-center gap-1">
        <span className="wrap-anywhere select-all" dir="ltr">
          {value}
        </span>
        {copy && <CopyButton label={label} value={value} />}
      </dd>
    </div>
  );
}

/** A profile needs TLS from the start on both sides. */
function AppleSection({ servers }: { servers: readonly MailServer[] }) {
  const intl = useIntl();
  const me = useMe();
  const t = (id: string) => intl.formatMessage({ id: `settings.mail-app.${id}` });
  const [imap, smtp] = (['imap', 'smtp'] as const).map((service) =>
    servers.find((each) => each.service === service && each.security === 'tls'),
  );
  if (!imap || !smtp) return null;
  return (
    <Section title={t('apple')} text={t('apple.text')}>
      <div>
        <Button
          icon={<Apple size={16} />}
          onClick={() => {
            const text = appleProfile(me, imap, smtp, [uuid(), uuid()]);
            saveFile(
              `${me.address}.mobileconfig`,
              new Blob([text], { type: 'application/x-apple-aspen-config' }),
            );
          }}
        >
          {t('apple.get')}
        </Button>
      </div>
    </Section>
  );
}

/** `crypto.randomUUID` is there over HTTPS only. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((each) => each.toString(16).padStart(2, '0')).join('');
  return [0, 8, 12, 16, 20]
    .map((from, at) => hex.slice(from, [8, 12, 16, 20, 32][at]))
    .join('-')
    .toUpperCase();
}
