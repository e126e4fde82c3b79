import { useParams } from '@tanstack/react-router';
import { AtSign, Globe, MailPlus, Network, Send, Users } from 'lucide-react';
import { useIntl } from 'react-intl';

import { type PageSection, SectionsPage } from '@/shell/SectionsPage';
import { AreaText } from '@/text/AreaText';

import { AccountsPage } from './accounts/AccountsPage';
import { AliasesPage } from './aliases/AliasesPage';
import { DomainsPage } from './domains/DomainsPage';
import { InvitesPage } from './invites/InvitesPage';
import { QueuePage } from './queue/QueuePage';
import { ZonesPage } from './zones/ZonesPage';

const SECTIONS: Omit<PageSection, 'label'>[] = [
  { id: 'domains', icon: <Globe size={18} />, page: DomainsPage },
  { id: 'accounts', icon: <Users size={18} />, page: AccountsPage },
  { id: 'aliases', icon: <AtSign size={18} />, page: AliasesPage },
  { id: 'invites', icon: <MailPlus size={18} />, page: InvitesPage },
  { id: 'queue', icon: <Send size={18} />, page: QueuePage },
  { id: 'zones', icon: <Network size={18} />, page: ZonesPage },
];

/** For administrators: of everything, or of some domains (the server sees to what each may). */
export function AdminPage() {
  return (
    <AreaText area="admin">
      <Sections />
    </AreaText>
  );
}

function Sections() {
  const intl = useIntl();
  const { section = 'all' } = useParams({ strict: false });
  return (
    <SectionsPage
      to="/admin/$section"
      title={intl.formatMessage({ id: 'admin' })}
      current={section}
      sections={SECTIONS.map((each) => ({
        ...each,
        label: intl.formatMessage({ id: `admin.${each.id}` }),
      }))}
    />
  );
}
