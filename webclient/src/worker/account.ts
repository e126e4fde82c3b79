// The worker's own few words with the server, as the person whose cookie the browser has.

type Call = [name: string, args: Record<string, unknown>];

interface Session {
  accountId: string;
  csrf: string;
}

const USING = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];

/** null: nobody is signed in, or the server cannot be reached. */
export async function sessionOfBrowser(): Promise<Session | null> {
  try {
    const response = await fetch('/api/v1/session');
    return response.ok ? ((await response.json()) as Session) : null;
  } catch {
    return null;
  }
}

/** Results in the order of the calls; throws when the request fails as a whole. */
export async function ask(session: Session, ...calls: Call[]): Promise<unknown[]> {
  const response = await fetch('/jmap/api', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf },
    body: JSON.stringify({
      using: USING,
      methodCalls: calls.map(([name, args], at) => [name, args, String(at)]),
    }),
  });
  if (!response.ok) throw new Error(response.statusText);
  const { methodResponses } = (await response.json()) as { methodResponses: [string, unknown, string][] }; // prettier-ignore
  return methodResponses.map(([, result]) => result);
}
