import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import {
  LogOut,
  Mail,
  Menu as Hamburger,
  Moon,
  Settings,
  ShieldCheck,
  Sun,
  Keyboard,
  UsersRound,
} from 'lucide-react';
import { useIntl } from 'react-intl';

import { signOut, useMe } from '@/api/session';
import { updateSettings } from '@/api/settings';
import { useHint } from '@/keys/commands';
import { SearchBox } from '@/mail/search/SearchBox';
import { Avatar, errorText, IconButton, Menu, toast } from '@/parts';
import { useShownTheme } from '@/theme/theme';

import { useLayout, useRoom } from './layout';

export function TopBar() {
  const intl = useIntl();
  const me = useMe();
  const navigate = useNavigate();
  const room = useRoom();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const inMail = path.startsWith('/mail') || path.startsWith('/search');
  const theme = useShownTheme();
  const account = intl.formatMessage({ id: 'menu.account' }, { address: me.address });
  return (
    <header className="flex h-14 shrink-0 items-center gap-2 px-3 print:hidden">
      {room !== 'desk' && inMail && (
        <IconButton
          label={intl.formatMessage({ id: 'menu.open' })}
          icon={<Hamburger size={20} />}
          onClick={() => useLayout.setState({ drawer: true })}
        />
      )}
      <Link
        to="/mail/$mailbox"
        params={{ mailbox: 'inbox' }}
        className="flex items-center gap-2 rounded-lg px-1.5 py-1 text-lg font-semibold"
        aria-label={`${brandOf(me.address)}: ${intl.formatMessage({ id: 'mailbox.inbox' })}`}
      >
        <img src="/icon.svg" alt="" width={26} height={26} />
        {room === 'desk' && <span className="pe-2">{brandOf(me.address)}</span>}
      </Link>
      <div className="min-w-0 flex-1">
        <SearchBox />
      </div>
      {room !== 'phone' && <OtherPlace inMail={inMail} />}
      <Menu
        align="end"
        trigger={
          <button
            type="button"
            aria-label={account}
            className="inline-flex size-10 items-center justify-center rounded-full hover:bg-hover touch:size-11"
          >
            <Avatar name={me.name} address={me.address} size={32} />
          </button>
        }
        entries={[
          {
            label: me.address,
            disabled: true,
            run: () => undefined,
          },
          'line',
          {
            label: intl.formatMessage({ id: 'people' }),
            icon: <UsersRound size={16} />,
            run: () => void navigate({ to: '/people' }),
          },
          {
            label: intl.formatMessage({ id: 'settings' }),
            icon: <Settings size={16} />,
            run: () => void navigate({ to: '/settings/$section', params: { section: 'account' } }),
          },
          ...(me.admin || me.adminOf.length > 0
            ? [
                {
                  label: intl.formatMessage({ id: 'admin' }),
                  icon: <ShieldCheck size={16} />,
                  run: () =>
                    void navigate({ to: '/admin/$section', params: { section: 'domains' } }),
                },
              ]
            : []),
          {
            label: intl.formatMessage({ id: 'key.help' }),
            icon: <Keyboard size={16} />,
            run: () => useLayout.setState({ layer: 'help' }),
          },
          {
            label: intl.formatMessage({ id: 'theme.toggle' }, { theme }),
            icon: theme === 'dark' ? <Sun size={16} /> : <Moon size={16} />,
            run: () => {
              updateSettings({ theme: theme === 'dark' ? 'light' : 'dark' }).catch(
                (error: unknown) => toast(errorText(intl, error), { kind: 'error' }),
              );
            },
          },
          'line',
          {
            label: intl.formatMessage({ id: 'sign-out' }),
            icon: <LogOut size={16} />,
            run: () => void signOut(),
          },
        ]}
      />
    </header>
  );
}

/** From the mail to the contacts, and from anywhere else to the mail. */
function OtherPlace({ inMail }: { inMail: boolean }) {
  const intl = useIntl();
  const navigate = useNavigate();
  const hint = useHint(inMail ? 'go-people' : 'go-inbox');
  return (
    <IconButton
      label={intl.formatMessage({ id: inMail ? 'people' : 'mailbox.inbox' })}
      hint={hint}
      icon={inMail ? <UsersRound size={20} /> : <Mail size={20} />}
      onClick={() =>
        void (inMail
          ? navigate({ to: '/people' })
          : navigate({ to: '/mail/$mailbox', params: { mailbox: 'inbox' } }))
      }
    />
  );
}

/** The first label of one's domain, as a name. */
function brandOf(address: string): string {
  const label = address.split('@')[1]?.split('.')[0] ?? 'Mail';
  return label.charAt(0).toUpperCase() + label.slice(1);
}
