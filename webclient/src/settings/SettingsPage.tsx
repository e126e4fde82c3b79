import { useParams } from '@tanstack/react-router';
import {
  BellRing,
  BookOpen,
  FolderInput,
  KeyRound,
  Keyboard,
  MonitorSmartphone,
  Palette,
  PenLine,
  Plane,
  ShieldCheck,
  Signature,
  Smartphone,
  User,
} from 'lucide-react';
import { useIntl } from 'react-intl';

import { type PageSection, SectionsPage } from '@/shell/SectionsPage';
import { AreaText } from '@/text/AreaText';

import { AccountPage } from './AccountPage';
import { AppearancePage } from './AppearancePage';
import { AppPasswordsPage } from './app-passwords/AppPasswordsPage';
import { DataPage } from './data/DataPage';
import { IdentitiesPage } from './identities/IdentitiesPage';
import { KeysPage } from './keys/KeysPage';
import { MailAppPage } from './mail-app/MailAppPage';
import { NotificationsPage } from './NotificationsPage';
import { ReadingPage } from './ReadingPage';
import { SecurityPage } from './security/SecurityPage';
import { SessionsPage } from './sessions/SessionsPage';
import { VacationPage } from './VacationPage';
import { WritingPage } from './WritingPage';

const SECTIONS: (Omit<PageSection, 'label'> & { group: string })[] = [
  { id: 'account', icon: <User size={18} />, page: AccountPage, group: 'general' },
  { id: 'appearance', icon: <Palette size={18} />, page: AppearancePage, group: 'general' },
  { id: 'notifications', icon: <BellRing size={18} />, page: NotificationsPage, group: 'general' },
  { id: 'keys', icon: <Keyboard size={18} />, page: KeysPage, group: 'general' },
  { id: 'reading', icon: <BookOpen size={18} />, page: ReadingPage, group: 'mail' },
  { id: 'writing', icon: <PenLine size={18} />, page: WritingPage, group: 'mail' },
  { id: 'identities', icon: <Signature size={18} />, page: IdentitiesPage, group: 'mail' },
  { id: 'vacation', icon: <Plane size={18} />, page: VacationPage, group: 'mail' },
  { id: 'security', icon: <ShieldCheck size={18} />, page: SecurityPage, group: 'security' },
  {
    id: 'sessions',
    icon: <MonitorSmartphone size={18} />,
    page: SessionsPage,
    group: 'security',
  },
  { id: 'app-passwords', icon: <KeyRound size={18} />, page: AppPasswordsPage, group: 'security' },
  { id: 'mail-app', icon: <Smartphone size={18} />, page: MailAppPage, group: 'more' },
  { id: 'data', icon: <FolderInput size={18} />, page: DataPage, group: 'more' },
];

export function SettingsPage() {
  return (
    <AreaText area="settings">
      <Sections />
    </AreaText>
  );
}

function Sections() {
  const intl = useIntl();
  const { section = 'all' } = useParams({ strict: false });
  return (
    <SectionsPage
      to="/settings/$section"
      title={intl.formatMessage({ id: 'settings' })}
      current={section}
      sections={SECTIONS.map((each) => ({
        ...each,
        label: intl.formatMessage({ id: `settings.${each.id}` }),
        group: intl.formatMessage({ id: `settings.group.${each.group}` }),
      }))}
    />
  );
}
