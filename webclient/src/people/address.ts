// Where in the area one is, as it stands in the URL.
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

import type { Id } from '@/api/types';

export interface PeopleSearch {
  /** The group whose members are listed. */
  group?: Id | undefined;
  /** The card is being changed. */
  edit?: boolean | undefined;
  /** Of a new card: what it begins with. */
  kind?: 'group' | undefined;
  name?: string | undefined;
  email?: string | undefined;
}

export const NEW = 'new';

export function usePlace() {
  const navigate = useNavigate();
  const { person = null } = useParams({ strict: false });
  const search: PeopleSearch = useSearch({ strict: false });
  const { group } = search;
  const goTo = useCallback(
    (id: Id | null, more: Omit<PeopleSearch, 'group'> = {}, replace = false) =>
      void (id === null
        ? navigate({ to: '/people', search: { group }, replace })
        : navigate({
            to: '/people/$person',
            params: { person: id },
            search: { group, ...more },
            replace,
          })),
    [navigate, group],
  );
  const goToGroup = useCallback(
    (id: Id | undefined) => void navigate({ to: '/people', search: { group: id } }),
    [navigate],
  );
  return { person, search, goTo, goToGroup };
}
