// Texts of areas that the start does without: they come with the area's page.
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { IntlProvider, useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';

import { type Language, languageOf } from './Text';

type Messages = Record<string, string>;
type Load = () => Promise<{ default: Messages }>;

const AREAS = {
  forms: { en: () => import('./en/forms.json'), de: () => import('./de/forms.json') },
  'sign-in': { en: () => import('./en/sign-in.json'), de: () => import('./de/sign-in.json') },
  settings: { en: () => import('./en/settings.json'), de: () => import('./de/settings.json') },
  organise: { en: () => import('./en/organise.json'), de: () => import('./de/organise.json') },
  reading: { en: () => import('./en/reading.json'), de: () => import('./de/reading.json') },
  people: { en: () => import('./en/people.json'), de: () => import('./de/people.json') },
  admin: { en: () => import('./en/admin.json'), de: () => import('./de/admin.json') },
} satisfies Record<string, Record<Language, Load>>;

type Area = keyof typeof AREAS;

// Areas without forms in them.
const BARE: ReadonlySet<Area> = new Set(['reading', 'organise']);
// Read once: an area that was there before is there at once.
const known = new Map<string, Messages>();

async function load(area: Area, language: Language): Promise<Messages> {
  const files = BARE.has(area) ? [AREAS[area]] : [AREAS.forms, AREAS[area]];
  const modules = await Promise.all(files.map((file) => file[language]()));
  const found = Object.assign({}, ...modules.map((each) => each.default)) as Messages;
  known.set(`${area} ${language}`, found);
  return found;
}

/** `children` have the texts of `area` and of forms beside those of the start. */
export function AreaText({ area, children }: { area: Area; children: ReactNode }) {
  const intl = useIntl();
  const language = languageOf(useSettings().language);
  const [, setArrived] = useState<Messages | null>(null);
  const [error, setError] = useState<unknown>(null);
  const loaded = known.get(`${area} ${language}`);
  useEffect(() => {
    let current = true;
    load(area, language).then(
      (messages) => {
        if (current) setArrived(messages);
      },
      (problem: unknown) => {
        if (current) setError(problem);
      },
    );
    return () => {
      current = false;
    };
  }, [area, language]);
  // The same object while nothing changes: another one would have whatever shows a text made anew.
  const messages = useMemo(
    () => ({ ...(intl.messages as Messages), ...loaded }),
    [intl.messages, loaded],
  );
  if (error) throw error; // the page's error boundary offers to try again
  if (!loaded) return null;
  return (
    <IntlProvider locale={intl.locale} messages={messages} defaultLocale="en">
      {children}
    </IntlProvider>
  );
}
