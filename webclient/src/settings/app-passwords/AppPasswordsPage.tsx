import { KeyRound, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Button, confirm, errorText, IconButton, toast } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge, Row, Rows, Section } from '@/parts/Section';
import { mediumDate } from '@/text/dates';

import { type AppPassword, revokeAppPassword, useAppPasswords } from './app-passwords';
import { NewAppPassword } from './NewAppPassword';

/** A password for each program, so that none has the account's own. */
export function AppPasswordsPage() {
  const intl = useIntl();
  const query = useAppPasswords();
  const [adding, setAdding] = useState(false);
  const t = (id: string) => intl.formatMessage({ id: `settings.app-passwords.${id}` });
  const revoke = async (found: AppPassword) => {
    const yes = await confirm({
      title: intl.formatMessage({ id: 'settings.app-passwords.revoke' }, { name: found.name }),
      text: t('revoke.text'),
      confirm: t('revoke.do'),
      danger: true,
    });
    if (!yes) return;
    await revokeAppPassword(found.id).catch((error: unknown) =>
      toast(errorText(intl, error), { kind: 'error' }),
    );
  };
  const [now] = useState(() => Date.now());
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        <Button kind="primary" icon={<Plus size={16} />} onClick={() => setAdding(true)}>
          {t('new')}
        </Button>
      }
    >
      <Loaded query={query}>
        {(found) => (
          <Rows label={t('title')}>
            {found.length === 0 && <Row title={t('none')} />}
            {found.map((each) => (
              <Row
                key={each.id}
                icon={<KeyRound size={18} />}
                title={each.name}
                badges={
                  <>
                    {each.scopes.map((scope) => (
                      <Badge key={scope}>
                        {intl.formatMessage({
                          id: `settings.scope.${scope.replace(':', '-')}.short`,
                        })}
                      </Badge>
                    ))}
                    {each.expires && Date.parse(each.expires) < now && (
                      <Badge tone="bad">{t('expired')}</Badge>
                    )}
                  </>
                }
                text={
                  <>
                    {intl.formatMessage(
                      { id: 'settings.used' },
                      {
                        created: mediumDate(intl.locale, each.created),
                        used: each.lastUsed
                          ? intl.formatList(
                              [mediumDate(intl.locale, each.lastUsed), each.lastAddress].filter(
                                Boolean,
                              ),
                              { type: 'unit' },
                            )
                          : 'never',
                      },
                    )}
                    {each.expires && (
                      <p>
                        {intl.formatMessage(
                          { id: 'settings.app-passwords.until' },
                          { date: mediumDate(intl.locale, each.expires) },
                        )}
                      </p>
                    )}
                  </>
                }
                actions={
                  <IconButton
                    label={`${t('revoke.do')}: ${each.name}`}
                    icon={<Trash2 size={16} />}
                    onClick={() => void revoke(each)}
                  />
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
      {adding && <NewAppPassword onClose={() => setAdding(false)} />}
    </Section>
  );
}
