// What is being written.
import type { EmailAddress, Id } from '@/api/types';

export interface Attached {
  key: string;
  name: string;
  type: string;
  size: number;
  /** null: still under way, or failed. */
  blobId: Id | null;
  /** 0 to 1 while it is sent up. */
  progress: number;
  error: string | null;
  /** Its Content-Id when it stands in the text. */
  cid: string | null;
}

export type Field = 'to' | 'cc' | 'bcc';
export const FIELDS: readonly Field[] = ['to', 'cc', 'bcc'];

export interface Draft {
  /** The email in Drafts that holds it. */
  emailId: Id | null;
  identityId: Id | null;
  to: EmailAddress[];
  cc: EmailAddress[];
  bcc: EmailAddress[];
  /** Typed into the fields but not confirmed: counts as well. */
  pending: Record<Field, string>;
  subject: string;
  format: 'rich' | 'plain';
  html: string;
  text: string;
  /** The quoted original, sent after the text until it is opened for editing. */
  quote: { html: string; text: string } | null;
  attached: Attached[];
  inReplyTo: string[];
  references: string[];
  /** The email that is answered or forwarded. */
  origin: { id: Id; keyword: '$answered' | '$forwarded' } | null;
  /** How many would get a reply to all; for the hint. */
  others: EmailAddress[];
  /** The answer goes to a mailing list that these did not ask for; for the hint. */
  author: EmailAddress[] | null;
  signature: string;
}

export function blankDraft(): Draft {
  return {
    emailId: null,
    identityId: null,
    to: [],
    cc: [],
    bcc: [],
    pending: { to: '', cc: '', bcc: '' },
    subject: '',
    format: 'rich',
    html: '',
    text: '',
    quote: null,
    attached: [],
    inReplyTo: [],
    references: [],
    origin: null,
    others: [],
    author: null,
    signature: '',
  };
}
