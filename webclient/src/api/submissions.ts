// Sending (RFC 8621 §7): with a hold on the server, in which it can be taken back.
import { queryClient, queryKeys } from './cache';
import { refreshLists } from './email';
import { jmap, throwSetError } from './jmap';
import { roleId } from './mailboxes';
import { MethodError, Offline } from './problems';
import { accountId, useSession } from './session';
import type { EmailAddress, GetResponse, Id, Identity, QueryResponse, SetResponse } from './types';

async function loadIdentities(): Promise<Identity[]> {
  return (await jmap<GetResponse<Identity>>('Identity/get', { ids: null })).list;
}

/** Read again for each composer: there are few, and another window may have changed a signature. */
export async function ensureIdentities(): Promise<Identity[]> {
  const query = { queryKey: queryKeys.identities, queryFn: loadIdentities, staleTime: 30_000 };
  try {
    return await queryClient.query(query);
  } catch (error) {
    const known = queryClient.getQueryData<Identity[]>(queryKeys.identities);
    if (!(error instanceof Offline) || !known) throw error;
    return known; // one writes without a network as well
  }
}

const lower = (email: string) => email.toLowerCase();
/** Without what stands behind a "+" (RFC 5233). */
const base = (email: string) => lower(email).replace(/\+[^@]*@/, '@');

/** Whether an address is one of `own`, or a sub-address of one (RFC 5233). */
export function isOwn(email: string, own: readonly string[]): boolean {
  return own.some((each) => lower(each) === lower(email) || lower(each) === base(email));
}

/** The identity that a message went to: that of the first address that is one's own; else `preferred`'s. */
export function identityFor(
  identities: readonly Identity[],
  addressed: readonly EmailAddress[],
  preferred: Id | null = null,
): Identity | undefined {
  for (const same of [lower, base]) {
    for (const { email } of addressed) {
      const found = identities.find((each) => lower(each.email) === same(email));
      if (found) return found;
    }
  }
  return identities.find((each) => each.id === preferred) ?? identities[0];
}

export interface Sending {
  emailId: Id;
  identityId: Id;
  from: string;
  recipients: string[];
  /** When it leaves at the earliest; null: at once. */
  hold: { seconds: number } | { until: Date } | null;
}

/** Hands an email of Drafts to the queue and files it under Sent. Resolves to the submission's id. */
export async function submit(sending: Sending): Promise<Id> {
  const { hold } = sending;
  const parameters =
    hold === null
      ? null
      : 'seconds' in hold
        ? { HOLDFOR: String(Math.ceil(hold.seconds)) }
        : { HOLDUNTIL: hold.until.toISOString().replace(/\.\d+Z$/, 'Z') };
  const answer = await jmap<SetResponse<{ id: Id }>>('EmailSubmission/set', {
    create: {
      send: {
        emailId: sending.emailId,
        identityId: sending.identityId,
        envelope: {
          mailFrom: { email: sending.from, parameters },
          rcptTo: sending.recipients.map((email) => ({ email, parameters: null })),
        },
      },
    },
    onSuccessUpdateEmail: { '#send': filed('sent') },
  });
  throwSetError(answer.notCreated);
  const id = answer.created?.['send']?.id;
  if (typeof id !== 'string') throw new MethodError('serverFail', '');
  refreshLists();
  return id;
}

function filed(role: 'sent' | 'drafts'): Record<string, unknown> {
  const to = roleId(role);
  const from = roleId(role === 'sent' ? 'drafts' : 'sent');
  return {
    ...(to !== undefined && { [`mailboxIds/${to}`]: true }),
    ...(from !== undefined && to !== undefined && { [`mailboxIds/${from}`]: null }),
    'keywords/$draft': role === 'drafts' ? true : null,
    'keywords/$seen': true,
  };
}

/** Takes it back; the email is a draft again. Throws MethodError cannotUnsend when it has left. */
export async function takeBack(submissionId: Id, emailId: Id): Promise<void> {
  // In this order: only what is certain not to leave becomes a draft again.
  const answer = await jmap<SetResponse<{ id: Id }>>('EmailSubmission/set', {
    update: { [submissionId]: { undoStatus: 'canceled' } },
  });
  throwSetError(answer.notUpdated);
  try {
    await jmap<SetResponse<{ id: Id }>>('Email/set', { update: { [emailId]: filed('drafts') } });
  } finally {
    refreshLists();
  }
}

export interface Scheduled {
  id: Id;
  emailId: Id;
  sendAt: string;
}

/** What waits for its time, soonest first. */
export async function scheduled(): Promise<Scheduled[]> {
  const { ids } = await jmap<QueryResponse>('EmailSubmission/query', {
    filter: { undoStatus: 'pending' },
    sort: [{ property: 'sentAt', isAscending: true }],
    limit: 200,
  });
  const answer = await jmap<GetResponse<Scheduled>>('EmailSubmission/get', {
    ids,
    properties: ['id', 'emailId', 'sendAt'],
  });
  const soon = Date.now() + 60_000; // what is only held for undo is none
  return answer.list
    .filter(({ sendAt }) => Date.parse(sendAt) > soon)
    .sort((a, b) => Date.parse(a.sendAt) - Date.parse(b.sendAt));
}

/** The longest time that the server keeps a message before it sends it, in seconds. */
export function longestHold(): number {
  const account = useSession.getState().jmap?.accounts[accountId()];
  const most =
    account?.accountCapabilities?.['urn:ietf:params:jmap:submission']?.['maxDelayedSend'];
  return typeof most === 'number' ? most : 30 * 86_400;
}
