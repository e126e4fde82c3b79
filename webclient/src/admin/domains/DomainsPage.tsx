import { Globe, Pencil, Plus, ScrollText, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Button, confirm, IconButton } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Row, Rows, Section } from '@/parts/Section';

import { useAccount } from '../accounts/accounts';
import { useAct } from '../use-act';
import { DomainDialog } from './DomainDialog';
import { type Domain, domainPath, useDomains } from './domains';
import { RecordsDialog } from './RecordsDialog';

type Open = { kind: 'new' } | { kind: 'edit' | 'records'; domain: Domain } | null;

/** Whose mail is ours, and the DNS records that the world needs for it. */
export function DomainsPage() {
  const intl = useIntl();
  const me = useMe();
  const act = useAct();
  const query = useDomains();
  const [open, setOpen] = useState<Open>(null);
  const t = (id: string) => intl.formatMessage({ id: `admin.domains.${id}` });
  const remove = async ({ name }: Domain) => {
    const yes = await confirm({
      title: intl.formatMessage({ id: 'admin.domains.remove' }, { name }),
      text: t('remove.text'),
      confirm: intl.formatMessage({ id: 'remove' }),
      danger: true,
    });
    if (yes) await act(() => apiV1('DELETE', domainPath(name)));
  };
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        me.admin && (
          <Button kind="primary" icon={<Plus size={16} />} onClick={() => setOpen({ kind: 'new' })}>
            {t('new')}
          </Button>
        )
      }
    >
      <Loaded query={query}>
        {(domains) => (
          <Rows label={t('title')}>
            {domains.length === 0 && <Row title={t('none')} />}
            {domains.map((domain) => (
              <Row
                key={domain.name}
                icon={<Globe size={18} />}
                title={domain.name}
                text={<About domain={domain} />}
                actions={
                  <>
                    <Button
                      icon={<ScrollText size={16} />}
                      aria-label={`${t('records')}: ${domain.name}`}
                      onClick={() => setOpen({ kind: 'records', domain })}
                    >
                      {t('records')}
                    </Button>
                    <IconButton
                      label={`${intl.formatMessage({ id: 'edit' })}: ${domain.name}`}
                      icon={<Pencil size={16} />}
                      onClick={() => setOpen({ kind: 'edit', domain })}
                    />
                    {me.admin && (
                      <IconButton
                        label={`${intl.formatMessage({ id: 'remove' })}: ${domain.name}`}
                        icon={<Trash2 size={16} />}
                        onClick={() => void remove(domain)}
                      />
                    )}
                  </>
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
      {open?.kind === 'new' && <DomainDialog domain={null} onClose={() => setOpen(null)} />}
      {open?.kind === 'edit' && <DomainDialog domain={open.domain} onClose={() => setOpen(null)} />}
      {open?.kind === 'records' && (
        <RecordsDialog name={open.domain.name} onClose={() => setOpen(null)} />
      )}
    </Section>
  );
}

/** Who gets what has no account of its own. */
function About({ domain }: { domain: Domain }) {
  const intl = useIntl();
  const nobody = intl.formatMessage({ id: 'admin.domains.nobody' });
  const postmaster = useAccount(domain.postmaster).data?.address ?? nobody;
  const catchAll = useAccount(domain.catchAll).data?.address ?? nobody;
  return intl.formatMessage({ id: 'admin.domains.about' }, { postmaster, catchAll });
}
