import { useQuery } from '@tanstack/react-query';
import { MailPlus, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Button, IconButton } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge, Row, Rows, Section } from '@/parts/Section';
import { mediumDate } from '@/text/dates';

import { useAct } from '../use-act';
import { NewInvite } from './NewInvite';

interface Invite {
  id: string;
  domain: string;
  note: string;
  created: string;
  expires: string;
  /** The address that was made with it; empty: none yet. */
  usedBy: string;
}

/** Links with which people make their own account. */
export function InvitesPage() {
  const intl = useIntl();
  const me = useMe();
  const act = useAct();
  const [adding, setAdding] = useState(false);
  const [now] = useState(() => Date.now());
  const t = (id: string) => intl.formatMessage({ id: `admin.invites.${id}` });
  const query = useQuery({
    queryKey: ['admin', 'invites'],
    queryFn: async ({ signal }) =>
      (await apiV1<{ invites: Invite[] }>('GET', '/invites', { signal })).invites,
    staleTime: 0,
  });
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        <Button
          kind="primary"
          icon={<Plus size={16} />}
          disabled={me.features.registration === 'off'}
          onClick={() => setAdding(true)}
        >
          {t('new')}
        </Button>
      }
    >
      {me.features.registration === 'off' && (
        <p className="mb-3 rounded-lg bg-warn-soft px-3 py-2 text-sm text-warn">{t('off')}</p>
      )}
      <Loaded query={query}>
        {(invites) => (
          <Rows label={t('title')}>
            {invites.length === 0 && <Row title={t('none')} />}
            {invites.map((each) => (
              <Row
                key={each.id}
                icon={<MailPlus size={18} />}
                title={each.note || each.domain}
                badges={
                  each.usedBy ? (
                    <Badge tone="good">{t('used')}</Badge>
                  ) : (
                    Date.parse(each.expires) < now && <Badge tone="bad">{t('expired')}</Badge>
                  )
                }
                text={
                  each.usedBy ||
                  intl.formatMessage(
                    { id: 'admin.invites.about' },
                    { domain: each.domain, date: mediumDate(intl.locale, each.expires) },
                  )
                }
                actions={
                  <IconButton
                    label={`${intl.formatMessage({ id: 'remove' })}: ${each.note || each.domain}`}
                    icon={<Trash2 size={16} />}
                    onClick={() =>
                      void act(() => apiV1('DELETE', `/invites/${encodeURIComponent(each.id)}`))
                    }
                  />
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
      {adding && <NewInvite onClose={() => setAdding(false)} />}
    </Section>
  );
}
