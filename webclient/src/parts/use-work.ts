// What a form goes through: at work, refused (as a whole, or a field of it), done.
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { MethodError, Problem } from '@/api/problems';

import { errorText } from './error-text';

export interface Work {
  busy: boolean;
  /** Why it was refused, where no field of the form stands for it. */
  error: string;
  /** Why the value of a field will not do, by the field's name in the API. */
  fields: Readonly<Record<string, string>>;
  /** Runs it; resolves to whether it went well. Only one at a time. */
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  /** Refuses a field before anything is sent. */
  refuse: (fields: Record<string, string>) => void;
  clear: () => void;
}

/**
 * `names`: the fields that the form shows. `say` has words for errors that it knows better than the server.
 */
export function useWork(
  names: readonly string[] = [],
  say?: (error: unknown) => string | undefined,
): Work {
  const intl = useIntl();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const [fields, setFields] = useState<Record<string, string>>({});
  return {
    busy,
    error,
    fields,
    refuse: (found) => {
      setError('');
      setFields(found);
    },
    clear: () => {
      setError('');
      setFields({});
    },
    run: async (work) => {
      setBusy(true);
      setError('');
      setFields({});
      try {
        await work();
        return true;
      } catch (problem) {
        const own = say?.(problem);
        const refused = own === undefined ? refusedFields(problem) : [];
        const [known, rest] = [
          refused.filter(([name]) => names.includes(name)),
          refused.filter(([name]) => !names.includes(name)),
        ];
        setFields(Object.fromEntries(known));
        if (known.length === 0 || rest.length > 0) {
          setError(own ?? rest[0]?.[1] ?? errorText(intl, problem));
        }
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}

/** [name, why] of each field that the server refused (RFC 9457 §3.1 `errors`; RFC 8620 §5.3). */
function refusedFields(problem: unknown): [string, string][] {
  if (problem instanceof MethodError) {
    return problem.properties.map((name) => [name, problem.description]);
  }
  if (!(problem instanceof Problem)) return [];
  const errors = problem.more['errors'];
  if (!Array.isArray(errors)) return [];
  return (errors as Record<string, unknown>[]).flatMap((each): [string, string][] => {
    const { pointer, detail } = each;
    if (typeof pointer !== 'string' || typeof detail !== 'string') return [];
    return [[pointer.split('/')[1] ?? '', detail]];
  });
}
