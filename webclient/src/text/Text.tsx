// The texts of the person's language, loaded on their own; English stands in for what is missing.
import { type ReactNode, useEffect, useState } from 'react';
import { IntlProvider } from 'react-intl';

import { useSettings } from '@/api/settings';

type Messages = Record<string, string>;

const LANGUAGES = {
  en: () => import('./en'),
  de: () => import('./de'),
};
export type Language = keyof typeof LANGUAGES;
export const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' };
const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

/** The chosen language, else the first of the browser's that we have. */
export function languageOf(chosen: string): Language {
  const wanted = chosen === 'auto' ? navigator.languages : [chosen];
  for (const tag of wanted) {
    const short = tag.slice(0, 2).toLowerCase();
    if (short in LANGUAGES) return short as Language;
  }
  return 'en';
}

/** The tag for dates and numbers: the browser's own where it is the same language ("en-GB"). */
function localeOf(language: Language): string {
  return navigator.languages.find((tag) => tag.slice(0, 2).toLowerCase() === language) ?? language;
}

export function Text({ children }: { children: ReactNode }) {
  const language = languageOf(useSettings().language);
  const [loaded, setLoaded] = useState<{ language: Language; messages: Messages } | null>(null);
  useEffect(() => {
    let current = true;
    void LANGUAGES[language]().then((module) => {
      if (!current) return;
      document.documentElement.lang = language;
      document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? 'rtl' : 'ltr';
      setLoaded({ language, messages: module.default });
    });
    return () => {
      current = false;
    };
  }, [language]);
  if (!loaded) return null;
  return (
    <IntlProvider locale={localeOf(loaded.language)} messages={loaded.messages} defaultLocale="en">
      {children}
    </IntlProvider>
  );
}
