// The server asked without a browser: to prepare what a journey needs, and to look behind the screen.
import { PASSWORD } from './server';

interface Session {
  apiUrl: string;
  primaryAccounts: Record<string, string>;
}

export class Jmap {
  private session: Session | null = null;

  constructor(
    private readonly url: string,
    private readonly address: string,
  ) {}

  private headers(): Record<string, string> {
    const basic = Buffer.from(`${this.address}:${PASSWORD}`).toString('base64');
    return { Authorization: `Basic ${basic}`, 'Content-Type': 'application/json' };
  }

  async call<T>(method: string, given: Record<string, unknown>): Promise<T> {
    if (!this.session) {
      const found = await fetch(`${this.url}/jmap/session`, { headers: this.headers() });
      this.session = (await found.json()) as Session;
    }
    const accountId = this.session.primaryAccounts['urn:ietf:params:jmap:mail'];
    const response = await fetch(`${this.url}/jmap/api`, {
      method: 'POST',
      headers: this.headers(),
      body: JSON.stringify({
        using: [
          'urn:ietf:params:jmap:core',
          'urn:ietf:params:jmap:mail',
          'urn:ietf:params:jmap:submission',
          'urn:ietf:params:jmap:contacts',
          'urn:mailsys:jmap:snooze',
        ],
        methodCalls: [[method, { accountId, ...given }, 'a']],
      }),
    });
    const answer = (await response.json()) as { methodResponses: [string, T, string][] };
    const [name, result] = answer.methodResponses[0] ?? ['nothing', null];
    if (name !== method) throw new Error(`${method}: ${JSON.stringify(answer)}`);
    return result as T;
  }

  async mailbox(role: string): Promise<string> {
    const { list } = await this.call<{ list: { id: string; role: string | null }[] }>(
      'Mailbox/get',
      { ids: null },
    );
    const found = list.find((each) => each.role === role);
    if (!found) throw new Error(`no mailbox ${role}`);
    return found.id;
  }

  async emails(filter: Record<string, unknown>): Promise<Record<string, unknown>[]> {
    const { ids } = await this.call<{ ids: string[] }>('Email/query', {
      filter,
      sort: [{ property: 'receivedAt', isAscending: false }],
    });
    const { list } = await this.call<{ list: Record<string, unknown>[] }>('Email/get', {
      ids,
      fetchAllBodyValues: true,
      fetchTextBodyValues: true,
      fetchHTMLBodyValues: true,
    });
    return list;
  }

  async inRole(role: string): Promise<Record<string, unknown>[]> {
    return this.emails({ inMailbox: await this.mailbox(role) });
  }
}
