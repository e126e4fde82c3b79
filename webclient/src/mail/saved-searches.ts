// Searches kept in the person's settings; which one, its query says.
import { useCallback } from 'react';
import { type IntlShape, useIntl } from 'react-intl';

import { type SavedSearch, settings, updateSettings } from '@/api/settings';
import { ask, errorText, toast } from '@/parts';

async function write(intl: IntlShape, savedSearches: SavedSearch[]): Promise<boolean> {
  try {
    await updateSettings({ savedSearches });
    return true;
  } catch (error) {
    toast(errorText(intl, error), { kind: 'error' });
    return false;
  }
}

export function useSavedSearches(): {
  save: (q: string) => Promise<void>;
  rename: (search: SavedSearch) => Promise<void>;
  remove: (search: SavedSearch) => Promise<void>;
} {
  const intl = useIntl();
  const t = useCallback(
    (id: string, values?: Record<string, string>) => intl.formatMessage({ id }, values),
    [intl],
  );
  const save = useCallback(
    async (q: string) => {
      const name = await ask({
        title: t('search.save'),
        confirm: t('save'),
        input: { label: t('search.save.name'), value: q },
      });
      if (name === null) return;
      const others = settings().savedSearches.filter((each) => each.q !== q);
      if (await write(intl, [...others, { name, q }])) toast(t('search.saved'));
    },
    [intl, t],
  );
  const rename = useCallback(
    async (search: SavedSearch) => {
      const name = await ask({
        title: t('search.rename.title', { name: search.name }),
        confirm: t('search.rename'),
        input: { label: t('search.save.name'), value: search.name },
      });
      if (name === null) return;
      await write(
        intl,
        settings().savedSearches.map((each) => (each.q === search.q ? { ...each, name } : each)),
      );
    },
    [intl, t],
  );
  const remove = useCallback(
    async (search: SavedSearch) => {
      const before = settings().savedSearches;
      if (
        !(await write(
          intl,
          before.filter((each) => each.q !== search.q),
        ))
      )
        return;
      toast(t('search.deleted', { name: search.name }), {
        action: { label: t('undo'), run: () => void write(intl, before) },
      });
    },
    [intl, t],
  );
  return { save, rename, remove };
}
