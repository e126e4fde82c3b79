// The data types of RFC 8620 and RFC 8621, as far as the client reads them.

export type Id = string;

export interface EmailAddress {
  name: string | null;
  email: string;
}

export type MailboxRole = 'inbox' | 'snoozed' | 'archive' | 'drafts' | 'sent' | 'junk' | 'trash';

export interface Mailbox {
  id: Id;
  name: string;
  parentId: Id | null;
  role: MailboxRole | null;
  sortOrder: number;
  totalEmails: number;
  unreadEmails: number;
  totalThreads: number;
  unreadThreads: number;
  isSubscribed: boolean;
  myRights: Record<string, boolean>;
}

export interface Thread {
  id: Id;
  emailIds: Id[];
}

/** How an email waits in the mailbox for that (our capability snooze). */
export interface Snoozed {
  until: string;
  /** Where it goes then; null: the inbox. */
  moveToMailboxId: Id | null;
  /** Keywords that are set (true) and taken (false) then; null: unread, and marked as back. */
  setKeywords: Record<string, boolean> | null;
}

/** What a row of a list needs (LIST_PROPERTIES in email.ts). */
export interface EmailSummary {
  id: Id;
  blobId: Id;
  threadId: Id;
  mailboxIds: Record<Id, boolean>;
  keywords: Record<string, boolean>;
  size: number;
  receivedAt: string;
  sentAt: string | null;
  subject: string | null;
  from: EmailAddress[] | null;
  to: EmailAddress[] | null;
  cc: EmailAddress[] | null;
  preview: string;
  hasAttachment: boolean;
  /** null: it does not wait. */
  snoozed: Snoozed | null;
}

export interface BodyPart {
  partId: string | null;
  blobId: Id | null;
  size: number;
  name: string | null;
  type: string;
  charset: string | null;
  disposition: string | null;
  cid: string | null;
  language?: string[] | null;
  location?: string | null;
  subParts?: BodyPart[] | null;
}

export interface BodyValue {
  value: string;
  isEncodingProblem: boolean;
  isTruncated: boolean;
}

export interface HeaderField {
  name: string;
  value: string;
}

/** What an opened message needs besides (BODY_PROPERTIES in email.ts). */
export interface EmailBody {
  id: Id;
  messageId: string[] | null;
  inReplyTo: string[] | null;
  references: string[] | null;
  bcc: EmailAddress[] | null;
  replyTo: EmailAddress[] | null;
  sender: EmailAddress[] | null;
  textBody: BodyPart[];
  htmlBody: BodyPart[];
  attachments: BodyPart[];
  bodyValues: Record<string, BodyValue>;
  /** List-Unsubscribe (RFC 2369) and List-Unsubscribe-Post (RFC 8058), as URLs and text. */
  'header:List-Unsubscribe:asURLs': string[] | null;
  'header:List-Unsubscribe-Post:asText': string | null;
  'header:List-Id:asText': string | null;
  /** Where one writes to the list (RFC 2369 §3.4). */
  'header:List-Post:asURLs': string[] | null;
  /** Where its author wants answers to all (a convention of mailing lists, no standard). */
  'header:Mail-Followup-To:asAddresses': EmailAddress[] | null;
  'header:Auto-Submitted:asText': string | null;
  /** Its sender takes part in the conversation for the first time (urn:mailsys:jmap:newcomers). */
  isNewToThread?: boolean | undefined;
  /** What was made of it when it came from outside (urn:mailsys:jmap:trust). */
  verdict?: Verdict | null | undefined;
}

export interface TrustReason {
  /** Stable; its text in our languages is `trust.CODE`. */
  code: string;
  text: string;
  /** Towards junk; negative speaks for the message. */
  weight: number;
  detail: Record<string, string>;
}

export interface Verdict {
  action: 'inbox' | 'junk';
  score: number;
  sentence: string;
  reasons: TrustReason[];
  warnings: TrustReason[];
}

export type Email = EmailSummary & EmailBody;

export interface Identity {
  id: Id;
  name: string;
  email: string;
  replyTo: EmailAddress[] | null;
  bcc: EmailAddress[] | null;
  textSignature: string;
  htmlSignature: string;
  mayDelete: boolean;
}

export interface SetError {
  type: string;
  description?: string | null;
  properties?: string[];
}

export interface SetResponse<T = Record<string, unknown>> {
  accountId: Id;
  oldState: string | null;
  newState: string;
  created?: Record<string, T> | null;
  updated?: Record<Id, T | null> | null;
  destroyed?: Id[] | null;
  notCreated?: Record<string, SetError> | null;
  notUpdated?: Record<Id, SetError> | null;
  notDestroyed?: Record<Id, SetError> | null;
}

export interface GetResponse<T> {
  accountId: Id;
  state: string;
  list: T[];
  notFound: Id[];
}

export interface ChangesResponse {
  oldState: string;
  newState: string;
  hasMoreChanges: boolean;
  created: Id[];
  updated: Id[];
  destroyed: Id[];
}

export interface QueryResponse {
  queryState: string;
  canCalculateChanges: boolean;
  position: number;
  ids: Id[];
  total?: number;
  limit?: number;
}

export interface SearchSnippet {
  emailId: Id;
  subject: string | null;
  preview: string | null;
}

export type EmailFilter =
  { operator: 'AND' | 'OR' | 'NOT'; conditions: EmailFilter[] } | Record<string, unknown>;

/** The JMAP session resource (RFC 8620 §2). */
export interface JmapSession {
  capabilities: Record<string, Record<string, unknown>>;
  accounts: Record<
    Id,
    {
      name: string;
      isPersonal: boolean;
      isReadOnly: boolean;
      accountCapabilities?: Record<string, Record<string, unknown>>;
    }
  >;
  primaryAccounts: Record<string, Id>;
  username: string;
  apiUrl: string;
  downloadUrl: string;
  uploadUrl: string;
  eventSourceUrl: string;
  state: string;
}
