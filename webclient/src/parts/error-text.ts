import type { IntlShape } from 'react-intl';

import { MethodError, Offline, Problem } from '@/api/problems';

/** What to tell a person about a failure: the server's own sentence where it has one. */
export function errorText(intl: IntlShape, error: unknown): string {
  if (error instanceof Offline) return intl.formatMessage({ id: 'error.offline' });
  if (error instanceof Problem) {
    if (error.status === 429) return intl.formatMessage({ id: 'error.busy' });
    return error.detail || intl.formatMessage({ id: 'error.status' }, { status: error.status });
  }
  if (error instanceof MethodError) {
    if (error.type === 'overQuota') return intl.formatMessage({ id: 'error.quota' });
    if (error.type === 'notFound') return intl.formatMessage({ id: 'error.gone' });
    return error.description || intl.formatMessage({ id: 'error.method' }, { type: error.type });
  }
  return intl.formatMessage({ id: 'error.unknown' });
}
