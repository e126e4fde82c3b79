import { KeyRound, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { makePasskey, passkeyMessage, passkeysWork } from '@/api/passkeys';
import { Button, IconButton, toast } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge, Row, Rows, Section } from '@/parts/Section';
import { mediumDate } from '@/text/dates';

import { PasswordDialog } from '../PasswordDialog';
import { deviceOf } from '../sessions/device';
import { beginPasskey, keepPasskey, type Passkey, removePasskey, usePasskeys } from './security';

/** Keys on one's devices: a second factor, or the whole sign-in. */
export function PasskeysSection({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const intl = useIntl();
  const query = usePasskeys();
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<Passkey | null>(null);
  const t = (id: string) => intl.formatMessage({ id: `settings.passkeys.${id}` });
  const say = (error: unknown) => {
    const id = passkeyMessage(error);
    return id === undefined ? undefined : intl.formatMessage({ id });
  };
  const add = async (password: string) => {
    const asked = await beginPasskey(password);
    const credential = await makePasskey(asked);
    const device = deviceOf(navigator.userAgent);
    const name = [device.browser, device.system].filter(Boolean).join(', ') || t('unnamed');
    const codes = await keepPasskey(asked.challenge, credential, name);
    toast(t('added'), { kind: 'success' });
    onCodes(codes);
  };
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        <Button
          icon={<Plus size={16} />}
          disabled={!passkeysWork()}
          onClick={() => setAdding(true)}
        >
          {t('add')}
        </Button>
      }
    >
      {!passkeysWork() && (
        <p className="mb-3 rounded-lg bg-warn-soft px-3 py-2 text-sm text-warn">
          {intl.formatMessage({
            id: window.isSecureContext ? 'passkey.unsupported' : 'passkey.insecure',
          })}
        </p>
      )}
      <Loaded query={query} lines={2}>
        {(passkeys) => (
          <Rows label={t('title')}>
            {passkeys.length === 0 && <Row title={t('none')} />}
            {passkeys.map((each) => (
              <Row
                key={each.id}
                icon={<KeyRound size={18} />}
                title={each.name}
                badges={each.backedUp && <Badge>{t('synced')}</Badge>}
                text={intl.formatMessage(
                  { id: 'settings.used' },
                  {
                    created: mediumDate(intl.locale, each.created),
                    used: each.lastUsed ? mediumDate(intl.locale, each.lastUsed) : 'never',
                  },
                )}
                actions={
                  <IconButton
                    label={`${intl.formatMessage({ id: 'remove' })}: ${each.name}`}
                    icon={<Trash2 size={16} />}
                    onClick={() => setDoomed(each)}
                  />
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
      {adding && (
        <PasswordDialog
          title={t('add')}
          text={t('add.text')}
          confirm={t('add')}
          say={say}
          run={add}
          onClose={() => setAdding(false)}
        />
      )}
      {doomed && (
        <PasswordDialog
          title={intl.formatMessage({ id: 'settings.passkeys.remove' }, { name: doomed.name })}
          confirm={intl.formatMessage({ id: 'remove' })}
          danger
          run={(password) => removePasskey(doomed.id, password)}
          onClose={() => setDoomed(null)}
        />
      )}
    </Section>
  );
}
