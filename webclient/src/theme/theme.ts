// Puts theme and density on the page and keeps them for the first paint of the next visit.
import { useEffect, useSyncExternalStore } from 'react';

import { settings, useSettings } from '@/api/settings';

const dark = () => window.matchMedia('(prefers-color-scheme: dark)');

function show(theme: 'light' | 'dark' | 'system', density: string): void {
  const root = document.documentElement;
  root.dataset['theme'] = theme === 'system' ? (dark().matches ? 'dark' : 'light') : theme;
  root.dataset['density'] = density;
  try {
    localStorage.setItem('theme', theme);
    localStorage.setItem('density', density);
  } catch {
    // Storage may be forbidden; the settings come from the server again.
  }
}

/** Used once, where the signed-in page begins. */
export function useTheme(): void {
  const { theme, density } = useSettings();
  useEffect(() => {
    show(theme, density);
    if (theme !== 'system') return undefined;
    const follow = () => show('system', settings().density);
    const query = dark();
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, [theme, density]);
}

/** What is shown now: 'light' or 'dark'. */
export function shownTheme(): 'light' | 'dark' {
  return document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'light';
}

function subscribe(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => observer.disconnect();
}

export function useShownTheme(): 'light' | 'dark' {
  return useSyncExternalStore(subscribe, shownTheme);
}
