import { Link, type ErrorComponentProps } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useIntl } from 'react-intl';

import { Offline } from '@/api/problems';
import { Button, EmptyState, ErrorState } from '@/parts';

/** Sets the window's title while the page is there. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}

export function NotFoundPage() {
  const intl = useIntl();
  const title = intl.formatMessage({ id: 'not-found.title' });
  useTitle(title);
  return (
    <main id="content" className="flex-1">
      <h1 className="sr-only">{title}</h1>
      <EmptyState
        title={title}
        text={intl.formatMessage({ id: 'not-found.text' })}
        action={
          <Link
            to="/mail/$mailbox"
            params={{ mailbox: 'inbox' }}
            className="mt-2 text-accent underline"
          >
            {intl.formatMessage({ id: 'not-found.home' })}
          </Link>
        }
      />
    </main>
  );
}

// What the browsers say when a part of the client could not be loaded.
const NO_PART = /dynamically imported module|importing a module script failed|preload CSS/i;

/** A page threw: the rest of the shell goes on. */
export function BrokenPage({ error, reset }: ErrorComponentProps) {
  if (NO_PART.test(String(error)) && navigator.onLine) return <OldPage />;
  return <Broken error={error} reset={reset} />;
}

/** The server has a newer version, and the parts of this one no more. */
function OldPage() {
  const intl = useIntl();
  return (
    <main id="content" className="flex-1">
      <h1 className="sr-only">{intl.formatMessage({ id: 'old.title' })}</h1>
      <EmptyState
        title={intl.formatMessage({ id: 'old.title' })}
        text={intl.formatMessage({ id: 'old.text' })}
        action={
          <Button kind="primary" onClick={() => window.location.reload()}>
            {intl.formatMessage({ id: 'old.reload' })}
          </Button>
        }
      />
    </main>
  );
}

function Broken({ error, reset }: Pick<ErrorComponentProps, 'error' | 'reset'>) {
  const intl = useIntl();
  useEffect(() => {
    if (!(error instanceof Offline)) console.error(error);
  }, [error]);
  return (
    <main id="content" className="flex-1">
      <h1 className="sr-only">{intl.formatMessage({ id: 'error.title' })}</h1>
      <ErrorState error={error} retry={reset} />
    </main>
  );
}
