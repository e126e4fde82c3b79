import { ArrowRight, AtSign, Forward, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { apiV1 } from '@/api/v1';
import { Button, confirm, IconButton } from '@/parts';
import { Badge, Row, Rows, Section } from '@/parts/Section';

import { useAccount } from '../accounts/accounts';
import { Pages, usePages } from '../pages';
import { useAct } from '../use-act';
import { NewAlias } from './NewAlias';

export interface Alias {
  address: string;
  kind: 'alias' | 'forward';
  /** Id of an account; empty: none. A forward that names one keeps a copy there. */
  account: string;
  targets: string[];
}

/** Further addresses: of accounts here, or leading elsewhere. */
export function AliasesPage() {
  const intl = useIntl();
  const act = useAct();
  const [adding, setAdding] = useState(false);
  const t = (id: string) => intl.formatMessage({ id: `admin.aliases.${id}` });
  const query = usePages(['aliases'], async (after, signal) => {
    const { aliases, next } = await apiV1<{ aliases: Alias[]; next: string | null }>(
      'GET',
      '/aliases',
      { query: { after: after || undefined }, signal },
    );
    return { items: aliases, next };
  });
  const remove = async ({ address }: Alias) => {
    const yes = await confirm({
      title: intl.formatMessage({ id: 'admin.aliases.remove' }, { address }),
      text: t('remove.text'),
      confirm: intl.formatMessage({ id: 'remove' }),
      danger: true,
    });
    if (yes) await act(() => apiV1('DELETE', `/aliases/${encodeURIComponent(address)}`));
  };
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
      <Pages query={query}>
        {(aliases) => (
          <Rows label={t('title')}>
            {aliases.length === 0 && <Row title={t('none')} />}
            {aliases.map((each) => (
              <Row
                key={each.address}
                icon={each.kind === 'forward' ? <Forward size={18} /> : <AtSign size={18} />}
                title={each.address}
                badges={<Badge>{t(each.kind)}</Badge>}
                text={<Destination alias={each} />}
                actions={
                  <IconButton
                    label={`${intl.formatMessage({ id: 'remove' })}: ${each.address}`}
                    icon={<Trash2 size={16} />}
                    onClick={() => void remove(each)}
                  />
                }
              />
            ))}
          </Rows>
        )}
      </Pages>
      {adding && <NewAlias onClose={() => setAdding(false)} />}
    </Section>
  );
}

function Destination({ alias }: { alias: Alias }) {
  const intl = useIntl();
  const account = useAccount(alias.account).data?.address;
  return (
    <span className="flex items-start gap-1">
      <ArrowRight size={14} className="mt-0.5 shrink-0 rtl:rotate-180" aria-hidden />
      <bdi>{intl.formatList([...(account ? [account] : []), ...alias.targets])}</bdi>
    </span>
  );
}
