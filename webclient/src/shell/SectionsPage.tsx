// Pages of sections (settings, administration): their names beside the page, or before it on a phone.
import { Link } from '@tanstack/react-router';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { type ComponentType, Fragment, type ReactNode } from 'react';
import { useIntl } from 'react-intl';

import { cx } from '@/parts';

import { useRoom } from './layout';
import { NotFoundPage, useTitle } from './pages';

export interface PageSection {
  id: string;
  label: string;
  icon: ReactNode;
  page: ComponentType;
  /** Its place in the list: sections of a group stand together under its name. */
  group?: string;
}

/** On a phone `all` is the list of sections; elsewhere it is the first one. */
export function SectionsPage({
  to,
  title,
  sections,
  current,
}: {
  to: '/settings/$section' | '/admin/$section';
  title: string;
  sections: readonly PageSection[];
  current: string;
}) {
  const intl = useIntl();
  const phone = useRoom() === 'phone';
  const list = phone && current === 'all';
  const found =
    sections.find((each) => each.id === current) ?? (current === 'all' ? sections[0] : undefined);
  useTitle(list || !found ? title : `${found.label} - ${title}`);
  if (!found) return <NotFoundPage />;
  const Page = found.page;
  return (
    <>
      {!phone && (
        <div className="w-64 shrink-0 overflow-y-auto px-3 pt-1 pb-4">
          <SectionList to={to} title={title} sections={sections} current={found.id} />
        </div>
      )}
      <main
        id="content"
        className="relative min-w-0 flex-1 overflow-y-auto border-line bg-canvas sm:rounded-ss-2xl sm:border-s sm:border-t sm:bg-surface"
      >
        {list ? (
          <div className="px-3 pb-6">
            <h1 className="px-3 py-3 text-xl font-semibold">{title}</h1>
            <SectionList to={to} title={title} sections={sections} current="" />
          </div>
        ) : (
          <div className="mx-auto flex max-w-3xl flex-col gap-8 px-4 pt-3 pb-16 sm:px-8 sm:pt-7">
            <header>
              {phone && (
                <Link
                  to={to}
                  params={{ section: 'all' }}
                  className="-ms-2 inline-flex min-h-11 items-center gap-1 pe-3 text-accent"
                >
                  <ChevronLeft size={18} className="rtl:rotate-180" aria-hidden />
                  {intl.formatMessage({ id: 'sections.back' })}
                </Link>
              )}
              <h1 className="text-xl font-semibold">{found.label}</h1>
            </header>
            <Page key={found.id} />
          </div>
        )}
      </main>
    </>
  );
}

function SectionList({
  to,
  title,
  sections,
  current,
}: {
  to: '/settings/$section' | '/admin/$section';
  title: string;
  sections: readonly PageSection[];
  current: string;
}) {
  const phone = useRoom() === 'phone';
  const groups = [...new Set(sections.map((each) => each.group ?? ''))];
  return (
    <nav aria-label={title}>
      {groups.map((group) => (
        <Fragment key={group}>
          {group !== '' && (
            <p className="px-3 pt-4 pb-1 text-xs font-semibold text-muted first:pt-1">{group}</p>
          )}
          <ul>
            {sections
              .filter((each) => (each.group ?? '') === group)
              .map((each) => (
                <li key={each.id}>
                  <Link
                    to={to}
                    params={{ section: each.id }}
                    aria-current={each.id === current ? 'page' : undefined}
                    className={cx(
                      'flex items-center gap-3 rounded-lg px-3 touch:min-h-11',
                      phone ? 'min-h-12' : 'min-h-9',
                      each.id === current
                        ? 'bg-chosen font-medium text-accent-ink'
                        : 'hover:bg-hover',
                    )}
                  >
                    <span className="text-muted">{each.icon}</span>
                    <span className="flex-1">{each.label}</span>
                    {phone && (
                      <ChevronRight size={16} className="text-muted rtl:rotate-180" aria-hidden />
                    )}
                  </Link>
                </li>
              ))}
          </ul>
        </Fragment>
      ))}
    </nav>
  );
}
