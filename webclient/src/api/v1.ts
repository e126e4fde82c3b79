// /api/v1: what JMAP leaves out (sign-in, settings, timeline, administration).
import { fetchOrThrow, Problem } from './problems';
import { csrfHeader, endSession } from './session';

interface Options {
  body?: unknown;
  query?: Record<string, string | number | boolean | undefined>;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** A 401 is an answer here (wrong password), not the end of the session. */
  public?: boolean;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Calls a route; resolves to its JSON, or undefined for 204. Throws Problem, or Offline. */
export async function apiV1<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  const url = `/api/v1${path}${query.size > 0 ? `?${query.toString()}` : ''}`;
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  if (method !== 'GET') Object.assign(headers, csrfHeader());
  const init: RequestInit = { method, headers };
  if (options.body !== undefined) {
    headers['Content-Type'] ??= 'application/json';
    init.body = JSON.stringify(options.body);
  }
  if (options.signal) init.signal = options.signal;
  try {
    const response = await fetchOrThrow(url, init);
    if (response.status === 204) return undefined as T;
    return (await response.json()) as T;
  } catch (error) {
    if (error instanceof Problem && error.status === 401 && !options.public) endSession();
    throw error;
  }
}
