// Every view has a URL. Areas beside the mail are chunks of their own.
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from '@tanstack/react-router';

import { ensureMailboxes } from './api/mailboxes';
import type { PeopleSearch } from './people/address';
import { loadSession } from './api/session';
import { ensureSettings } from './api/settings';
import { startSync } from './api/sync';
import { Offline } from './api/problems';
import { BrokenPage, NotFoundPage } from './shell/pages';
import { Shell } from './shell/Shell';

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  errorComponent: BrokenPage,
});

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/mail/$mailbox', params: { mailbox: 'inbox' }, replace: true });
  },
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search): { next?: string | undefined } => {
    // Only an address of our own: an open redirect would lead people from here to a copy of this page.
    // What is refused is set to undefined: a name left out would keep the address's own value.
    const next = text(search['next']);
    return { next: next && /^\/(?![/\\])/.test(next) ? next : undefined };
  },
  component: lazyRouteComponent(() => import('./sign-in/SignInPage'), 'SignInPage'),
});

const register = createRoute({
  getParentRoute: () => root,
  path: '/register',
  validateSearch: (search): { invitation?: string | undefined } => ({
    invitation: text(search['invitation']),
  }),
  component: lazyRouteComponent(() => import('./sign-in/RegisterPage'), 'RegisterPage'),
});

/** Goes on with what this browser kept; else the error is shown. */
async function withoutNetwork(error: unknown): Promise<boolean> {
  const there = error instanceof Offline && (await (await import('./offline/keep')).resume());
  if (!there) throw error;
  return there;
}

/** After what is seen first. */
function keepForLater(): void {
  window.setTimeout(() => {
    import('./offline/keep').then((module) => module.startKeeping()).catch(() => undefined);
  }, 500);
}

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  component: Shell,
  beforeLoad: async ({ location }) => {
    if (!(await loadSession().catch(withoutNetwork))) {
      throw redirect({ to: '/sign-in', search: { next: location.href }, replace: true });
    }
    startSync();
    keepForLater();
  },
  loader: async () => {
    // Defaults do where the settings cannot be read; the mail is not held up by them.
    await Promise.allSettled([ensureSettings(), ensureMailboxes()]);
  },
  staleTime: Infinity,
});

const MailPage = lazyRouteComponent(() => import('./mail/MailPage'), 'MailPage');

const mailbox = createRoute({
  getParentRoute: () => signedIn,
  path: '/mail/$mailbox',
  component: MailPage,
});
const mailboxThread = createRoute({ getParentRoute: () => mailbox, path: '$thread' });

const search = createRoute({
  getParentRoute: () => signedIn,
  path: '/search',
  validateSearch: (found): { q: string } => ({ q: (text(found['q']) ?? '').slice(0, 1000) }),
  component: lazyRouteComponent(() => import('./mail/SearchPage'), 'SearchPage'),
});
const searchThread = createRoute({ getParentRoute: () => search, path: '$thread' });

const settings = createRoute({
  getParentRoute: () => signedIn,
  path: '/settings/$section',
  component: lazyRouteComponent(() => import('./settings/SettingsPage'), 'SettingsPage'),
});

// As people type them.
const mailTyped = createRoute({
  getParentRoute: () => signedIn,
  path: '/mail',
  beforeLoad: () => {
    throw redirect({ to: '/mail/$mailbox', params: { mailbox: 'inbox' }, replace: true });
  },
});
const settingsTyped = createRoute({
  getParentRoute: () => signedIn,
  path: '/settings',
  beforeLoad: () => {
    throw redirect({ to: '/settings/$section', params: { section: 'account' }, replace: true });
  },
});
const adminTyped = createRoute({
  getParentRoute: () => signedIn,
  path: '/admin',
  beforeLoad: () => {
    throw redirect({ to: '/admin/$section', params: { section: 'domains' }, replace: true });
  },
});

const people = createRoute({
  getParentRoute: () => signedIn,
  path: '/people',
  validateSearch: (found): PeopleSearch => ({
    group: text(found['group']),
    edit: found['edit'] === true ? true : undefined,
    kind: found['kind'] === 'group' ? 'group' : undefined,
    name: text(found['name']),
    email: text(found['email']),
  }),
  component: lazyRouteComponent(() => import('./people/PeoplePage'), 'PeoplePage'),
});
const person = createRoute({ getParentRoute: () => people, path: '$person' });

const admin = createRoute({
  getParentRoute: () => signedIn,
  path: '/admin/$section',
  beforeLoad: async () => {
    const me = await loadSession();
    if (!me?.admin && !me?.adminOf.length) throw notFound();
  },
  component: lazyRouteComponent(() => import('./admin/AdminPage'), 'AdminPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    signIn,
    register,
    signedIn.addChildren([
      mailbox.addChildren([mailboxThread]),
      search.addChildren([searchThread]),
      people.addChildren([person]),
      settings,
      admin,
      mailTyped,
      settingsTyped,
      adminTyped,
    ]),
  ]),
  defaultErrorComponent: BrokenPage,
  defaultNotFoundComponent: NotFoundPage,
  defaultPendingMs: 300,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
