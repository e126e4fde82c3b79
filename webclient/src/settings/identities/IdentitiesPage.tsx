import { Pencil, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import type { Identity } from '@/api/types';
import { Avatar, Button, confirm, errorText, IconButton, toast } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge, Row, Rows, Section } from '@/parts/Section';

import { removeIdentity, useIdentities } from './identities';
import { IdentityDialog } from './IdentityDialog';

/** The names and addresses that one writes as, each with its signature. */
export function IdentitiesPage() {
  const intl = useIntl();
  const query = useIdentities();
  const { defaultIdentity } = useSettings();
  const [edited, setEdited] = useState<Identity | 'new' | null>(null);
  const t = (id: string) => intl.formatMessage({ id: `settings.identities.${id}` });
  const remove = async (identity: Identity) => {
    const yes = await confirm({
      title: intl.formatMessage({ id: 'settings.identities.remove' }, { email: identity.email }),
      text: t('remove.text'),
      confirm: intl.formatMessage({ id: 'remove' }),
      danger: true,
    });
    if (!yes) return;
    await removeIdentity(identity.id).catch((error: unknown) =>
      toast(errorText(intl, error), { kind: 'error' }),
    );
  };
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        <Button icon={<Plus size={16} />} onClick={() => setEdited('new')}>
          {t('new')}
        </Button>
      }
    >
      <Loaded query={query}>
        {(identities) => (
          <Rows label={t('title')}>
            {identities.map((each) => (
              <Row
                key={each.id}
                icon={<Avatar name={each.name} address={each.email} size={34} />}
                title={each.name || each.email}
                badges={
                  (identities.find((other) => other.id === defaultIdentity) ?? identities[0]) ===
                    each && <Badge tone="accent">{t('default')}</Badge>
                }
                text={
                  <>
                    {each.name && <p>{each.email}</p>}
                    <p className="line-clamp-2 whitespace-pre-line" dir="auto">
                      {each.textSignature.trim() || t('no-signature')}
                    </p>
                  </>
                }
                actions={
                  <>
                    <IconButton
                      label={`${intl.formatMessage({ id: 'edit' })}: ${each.email}`}
                      icon={<Pencil size={16} />}
                      onClick={() => setEdited(each)}
                    />
                    {each.mayDelete && (
                      <IconButton
                        label={`${intl.formatMessage({ id: 'remove' })}: ${each.email}`}
                        icon={<Trash2 size={16} />}
                        onClick={() => void remove(each)}
                      />
                    )}
                  </>
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
      {edited && (
        <IdentityDialog
          identity={edited === 'new' ? null : edited}
          onClose={() => setEdited(null)}
        />
      )}
    </Section>
  );
}
