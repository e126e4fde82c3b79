// The JMAP client: calls made in one turn of the event loop travel in one request (RFC 8620 §3.3).
import { fetchOrThrow, MethodError, Problem } from './problems';
import { accountId, csrfHeader, endSession, useSession } from './session';
import type { SetError } from './types';

type Arguments = Record<string, unknown>;
type Invocation = [name: string, args: Arguments, callId: string];

interface Group {
  calls: { name: string; args: Arguments }[];
  resolve: (results: unknown[]) => void;
  reject: (error: unknown) => void;
}

/** Points into the result of an earlier call of the same chain (RFC 8620 §3.7). */
export class Reference {
  constructor(
    readonly call: number,
    readonly path: string,
  ) {}
}

/** The value at `path` (a JSON pointer with `*`) of the chain's call number `call`. */
export function ref(call: number, path: string): Reference {
  return new Reference(call, path);
}

const waiting: Group[] = [];
let scheduled = false;

/** One method. `accountId` is filled in. Throws MethodError, Problem or Offline. */
export async function jmap<T>(name: string, args: Arguments = {}): Promise<T> {
  const [result] = await chain([name, args]);
  return result as T;
}

/**
 * Calls that belong together: in one request and in this order, so that a later one may refer to an
 * earlier one's result (`ref`) and to its created ids ("#id"). Rejects with the first error among them.
 */
export function chain(...calls: [name: string, args: Arguments][]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    waiting.push({ calls: calls.map(([name, args]) => ({ name, args })), resolve, reject });
    if (!scheduled) {
      scheduled = true;
      setTimeout(flush, 0);
    }
  });
}

function flush(): void {
  scheduled = false;
  const most = limit('maxCallsInRequest', 16);
  while (waiting.length > 0) {
    const groups: Group[] = [];
    let count = 0;
    while (waiting[0] && (count === 0 || count + waiting[0].calls.length <= most)) {
      const group = waiting.shift() as Group;
      count += group.calls.length;
      groups.push(group);
    }
    void send(groups);
  }
}

/** A number of the core capability, such as maxObjectsInGet (RFC 8620 §2). */
export function limit(name: string, otherwise: number): number {
  const core = useSession.getState().jmap?.capabilities['urn:ietf:params:jmap:core'];
  const value = core?.[name];
  return typeof value === 'number' ? value : otherwise;
}

const post = (body: string, keepalive = false): Promise<Response> =>
  fetchOrThrow('/jmap/api', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...csrfHeader() },
    body,
    keepalive,
  });

/** Octets that a browser lets outlive their page, of all requests under way (Fetch §4.6): 64 KiB. */
const OUTLIVING = 60_000;
let outlivingNow = 0;

/** What was just done is done, also when the page is left in the same moment. */
async function outliving(body: string): Promise<Response> {
  const size = new TextEncoder().encode(body).length;
  if (outlivingNow + size > OUTLIVING) return post(body);
  outlivingNow += size;
  try {
    return await post(body, true);
  } finally {
    outlivingNow -= size;
  }
}

async function send(groups: Group[]): Promise<void> {
  try {
    const account = accountId();
    const invocations: Invocation[] = [];
    groups.forEach((group, g) => {
      group.calls.forEach(({ name, args }, c) => {
        invocations.push([name, resolved({ accountId: account, ...args }, group, g), `${g}.${c}`]);
      });
    });
    const using = Object.keys(useSession.getState().jmap?.capabilities ?? {});
    const body = JSON.stringify({ using, methodCalls: invocations });
    const writes = invocations.some(([name]) => name.endsWith('/set'));
    const response = await (writes ? outliving : post)(body);
    const { methodResponses } = (await response.json()) as { methodResponses: Invocation[] };
    groups.forEach((group, g) => settle(group, g, methodResponses));
  } catch (error) {
    if (error instanceof Problem && error.status === 401) endSession();
    for (const group of groups) group.reject(error);
  }
}

function resolved(args: Arguments, group: Group, g: number): Arguments {
  const found: Arguments = {};
  for (const [key, value] of Object.entries(args)) {
    if (value instanceof Reference) {
      found[`#${key}`] = {
        resultOf: `${g}.${value.call}`,
        name: group.calls[value.call]?.name,
        path: value.path,
      };
    } else if (value !== undefined) {
      found[key] = value;
    }
  }
  return found;
}

function settle(group: Group, g: number, responses: Invocation[]): void {
  const results: unknown[] = [];
  for (const [c, call] of group.calls.entries()) {
    // A method may answer with further invocations of other names (implicit Email/set and the like).
    const own = responses.filter(([, , id]) => id === `${g}.${c}`);
    const main = own.find(([name]) => name === call.name || name === 'error') ?? own[0];
    if (!main) {
      group.reject(new MethodError('serverFail', `${call.name} was not answered`));
      return;
    }
    if (main[0] === 'error') {
      const { type, description } = main[1] as { type: string; description?: string };
      group.reject(new MethodError(type, description ?? ''));
      return;
    }
    results.push(main[1]);
  }
  group.resolve(results);
}

/** Throws the first of a /set response's object errors. */
export function throwSetError(errors: Record<string, SetError> | null | undefined): void {
  for (const error of Object.values(errors ?? {})) {
    throw new MethodError(error.type, error.description ?? '', error.properties ?? []);
  }
}

/** Cuts `ids` so that each piece fits into one /get or /set. */
export function pieces<T>(ids: readonly T[], most: number): T[][] {
  const found: T[][] = [];
  for (let at = 0; at < ids.length; at += most) found.push(ids.slice(at, at + most));
  return found;
}
