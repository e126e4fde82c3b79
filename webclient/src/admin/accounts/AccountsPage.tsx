import { Pencil, Plus } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Avatar, Button, Field, IconButton } from '@/parts';
import { Badge, Row, Rows, Section } from '@/parts/Section';
import { size } from '@/text/dates';

import { Pages, usePages } from '../pages';
import { AccountDialog } from './AccountDialog';
import { listAccounts } from './accounts';
import { NewAccount } from './NewAccount';

/** Who has mail here. */
export function AccountsPage() {
  const intl = useIntl();
  const [prefix, setPrefix] = useState('');
  const [open, setOpen] = useState<string | null>(null);
  const t = (id: string) => intl.formatMessage({ id: `admin.accounts.${id}` });
  const query = usePages(['accounts', prefix.trim()], (after, signal) =>
    listAccounts({ prefix: prefix.trim(), after }, signal),
  );
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        <Button kind="primary" icon={<Plus size={16} />} onClick={() => setOpen('new')}>
          {t('new')}
        </Button>
      }
    >
      <div className="mb-3">
        <Field
          label={t('find')}
          type="search"
          placeholder={t('find.hint')}
          value={prefix}
          onChange={(event) => setPrefix(event.target.value)}
        />
      </div>
      <Pages query={query}>
        {(accounts) => (
          <Rows label={t('title')}>
            {accounts.length === 0 && <Row title={t('none')} />}
            {accounts.map((each) => (
              <Row
                key={each.id}
                icon={<Avatar name={each.name} address={each.address} size={34} />}
                title={each.name || each.address}
                badges={
                  <>
                    {each.admin && <Badge tone="accent">{t('admin')}</Badge>}
                    {each.adminOf.length > 0 && (
                      <Badge tone="accent">
                        {intl.formatMessage(
                          { id: 'admin.accounts.admin-of' },
                          { domains: intl.formatList(each.adminOf) },
                        )}
                      </Badge>
                    )}
                    {!each.enabled && <Badge tone="bad">{t('disabled')}</Badge>}
                  </>
                }
                text={intl.formatList(
                  [
                    ...(each.name ? [each.address] : []),
                    each.quota > 0
                      ? intl.formatMessage(
                          { id: 'storage' },
                          {
                            used: size(intl.locale, each.used),
                            total: size(intl.locale, each.quota),
                          },
                        )
                      : intl.formatMessage(
                          { id: 'admin.accounts.used' },
                          { used: size(intl.locale, each.used) },
                        ),
                  ],
                  { type: 'unit' },
                )}
                actions={
                  <IconButton
                    label={`${intl.formatMessage({ id: 'edit' })}: ${each.address}`}
                    icon={<Pencil size={16} />}
                    onClick={() => setOpen(each.id)}
                  />
                }
              />
            ))}
          </Rows>
        )}
      </Pages>
      {open === 'new' && <NewAccount onClose={() => setOpen(null)} />}
      {open !== null && open !== 'new' && <AccountDialog id={open} onClose={() => setOpen(null)} />}
    </Section>
  );
}
