// Texts of areas that the start does without: they come with the area's page.
import { type ReactNode, useEffect, useState } from 'react';
import { IntlProvider, useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';

import { type Language, languageOf } from './Text';

type Messages = Record<string, string>;
type Load = () => Promise<{ default: Messages }>;

const AREAS = {
  forms: { en: () => import('./en/forms.json'), de: () => import('./de/forms.json') },
  'sign-in': { en: () => import('./en/sign-in.json'), de: () => import('./de/sign-in.json') },
  settings: { en: () => import('./en/settings.json'), de: () => import('./de/settings.json') },
  admin: { en: () => import('./en/admin.json'), de: () => import('./de/admin.json') },
} satisfies Record<string, Record<Language, Load>>;

/** `children` have the texts of `area` and of forms beside those of the start. */
export function AreaText({ area, children }: { area: keyof typeof AREAS; children: ReactNode }) {
  const intl = useIntl();
  const language = languageOf(useSettings().language);
  const [loaded, setLoaded] = useState<Messages | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let current = true;
    Promise.all([AREAS.forms[language](), AREAS[area][language]()]).then(
      (modules) => {
        if (current)
          setLoaded(Object.assign({}, ...modules.map((each) => each.default)) as Messages);
      },
      (problem: unknown) => {
        if (current) setError(problem);
      },
    );
    return () => {
      current = false;
    };
  }, [area, language]);
  if (error) throw error; // the page's error boundary offers to try again
  if (!loaded) return null;
  return (
    <IntlProvider
      locale={intl.locale}
      messages={{ ...(intl.messages as Messages), ...loaded }}
      defaultLocale="en"
    >
      {children}
    </IntlProvider>
  );
}
