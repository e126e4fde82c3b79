/** A refusal as an RFC 9457 problem document, or what stands for one. */
export class Problem extends Error {
  override name = 'Problem';

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly type = 'about:blank',
    /** Further members of the document, such as `field` or `limit`. */
    readonly more: Record<string, unknown> = {},
  ) {
    super(detail || title);
  }
}

/** The server could not be reached, or the connection broke. */
export class Offline extends Error {
  override name = 'Offline';
}

/** A JMAP method's own error (RFC 8620 §3.6.2), or an object's (SetError, §5.3). */
export class MethodError extends Error {
  override name = 'MethodError';

  constructor(
    readonly type: string,
    readonly description: string,
    readonly properties: readonly string[] = [],
  ) {
    super(description || type);
  }
}

/** Reads the refusal of an answer that is not ok. */
export async function problemOf(response: Response): Promise<Problem> {
  try {
    const found = (await response.json()) as Record<string, unknown>;
    const { type, title, detail, status: _status, ...more } = found;
    return new Problem(
      response.status,
      typeof title === 'string' ? title : response.statusText,
      typeof detail === 'string' ? detail : '',
      typeof type === 'string' ? type : 'about:blank',
      more,
    );
  } catch {
    return new Problem(response.status, response.statusText, '');
  }
}

/** `fetch` whose failure to reach the server is told apart, and whose refusals are thrown. */
export async function fetchOrThrow(input: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(input, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Offline('The server cannot be reached');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}
