// From the tree of a query to a JMAP filter (RFC 8621 §4.4.1).
import type { EmailFilter, Id, Mailbox } from '@/api/types';

import type { Node } from './query';

export interface FilterContext {
  boxes: readonly Mailbox[];
  /** What a mailbox is called on the screen. */
  nameOf: (box: Mailbox) => string;
  now: Date;
}

const NOTHING: EmailFilter = {
  operator: 'AND',
  conditions: [{ minSize: 1_000_000_000 }, { maxSize: 1 }],
};
const UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1000,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
};
const DAYS: Record<string, number> = { d: 1, w: 7, m: 30, y: 365 };
const ROLES: Record<string, string> = { spam: 'junk', junk: 'junk', draft: 'drafts', bin: 'trash' };

const not = (filter: EmailFilter): EmailFilter => ({ operator: 'NOT', conditions: [filter] });
const any = (conditions: EmailFilter[]): EmailFilter => ({ operator: 'OR', conditions });
/** What asks for nothing (in:anywhere) is left out. */
function all(conditions: EmailFilter[]): EmailFilter {
  const found = conditions.filter((each) => Object.keys(each).length > 0);
  if (found.length === 1 && found[0]) return found[0];
  return found.length === 0 ? {} : { operator: 'AND', conditions: found };
}

const header = (name: string, value: string): EmailFilter => ({ header: [name, value] });

function mailboxOf(value: string, { boxes, nameOf }: FilterContext): Id | undefined {
  const wanted = value.toLowerCase();
  const role = ROLES[wanted] ?? wanted;
  return (
    boxes.find((box) => box.role === role) ??
    boxes.find((box) => nameOf(box).toLowerCase() === wanted || box.name.toLowerCase() === wanted)
  )?.id;
}

/** A day in the person's own zone: YYYY-MM-DD, YYYY/MM/DD, or a year and month. null: no date. */
function dayOf(value: string): Date | null {
  const found = /^(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?$/.exec(value);
  if (!found) return null;
  const [month, day] = [Number(found[2]), Number(found[3] ?? '1')];
  const date = new Date(Number(found[1]), month - 1, day);
  return date.getMonth() === month - 1 && date.getDate() === day ? date : null;
}

const utc = (date: Date) => date.toISOString().replace(/\.\d{3}Z$/, 'Z');

function operatorFilter(name: string, value: string, context: FilterContext): EmailFilter {
  const asWord = { text: value };
  switch (name) {
    case 'from':
    case 'to':
    case 'cc':
    case 'bcc':
    case 'subject':
    case 'body':
      return { [name]: value };
    case 'list':
      return any([header('List-Id', value), header('List-Post', value)]);
    case 'deliveredto':
      // Fields of servers that write them; else what it was addressed to.
      return any([
        header('Delivered-To', value),
        header('X-Original-To', value),
        { to: value },
        { cc: value },
        { bcc: value },
      ]);
    case 'rfc822msgid':
      return header('Message-ID', value.replace(/^<|>$/g, ''));
    case 'filename':
      return { attachmentName: value };
    case 'has':
      return (
        {
          attachment: { hasAttachment: true },
          image: { attachmentType: 'image/*' },
          pdf: any([{ attachmentType: 'application/pdf' }, { attachmentName: '.pdf' }]),
          invite: any([{ attachmentType: 'text/calendar' }, { attachmentName: '.ics' }]),
          label: {
            inMailboxOtherThan: context.boxes.flatMap((box) => (box.role ? [box.id] : [])),
          },
        }[value.toLowerCase()] ?? asWord
      );
    case 'is': {
      const room = context.boxes.find((box) => box.role === 'snoozed')?.id;
      return (
        {
          unread: { notKeyword: '$seen' },
          read: { hasKeyword: '$seen' },
          starred: { hasKeyword: '$flagged' },
          flagged: { hasKeyword: '$flagged' },
          important: { hasKeyword: '$important' },
          muted: { hasKeyword: '$muted' },
          snoozed: room === undefined ? NOTHING : { inMailbox: room },
          answered: { hasKeyword: '$answered' },
          draft: { hasKeyword: '$draft' },
        }[value.toLowerCase()] ?? asWord
      );
    }
    case 'in':
    case 'label': {
      if (value.toLowerCase() === 'anywhere') return {};
      const id = mailboxOf(value, context);
      return id === undefined ? NOTHING : { inMailbox: id };
    }
    case 'before':
    case 'after':
    case 'on': {
      const day = dayOf(value);
      if (!day) return asWord;
      const next = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1);
      if (name === 'before') return { before: utc(day) };
      if (name === 'after') return { after: utc(next) };
      return { operator: 'AND', conditions: [{ after: utc(day) }, { before: utc(next) }] };
    }
    case 'older_than':
    case 'newer_than': {
      const found = /^(\d{1,4})([dwmy])$/i.exec(value);
      if (!found) return asWord;
      const days = Number(found[1]) * (DAYS[(found[2] ?? 'd').toLowerCase()] ?? 1);
      // Whole hours, so that the same search is the same list for a while.
      const hour = Math.floor(context.now.getTime() / 3_600_000) * 3_600_000;
      return {
        [name === 'older_than' ? 'before' : 'after']: utc(new Date(hour - days * 86_400_000)),
      };
    }
    case 'larger':
    case 'smaller': {
      const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value);
      const unit = UNITS[(found?.[2] ?? '').toLowerCase()];
      if (!found || unit === undefined) return asWord;
      return { [name === 'larger' ? 'minSize' : 'maxSize']: Math.round(Number(found[1]) * unit) };
    }
    default:
      return asWord;
  }
}

function nodeFilter(node: Node, context: FilterContext): EmailFilter {
  switch (node.kind) {
    case 'word':
      return { text: node.phrase ? `"${node.text.replaceAll('"', '')}"` : node.text };
    case 'operator':
      return operatorFilter(node.name, node.value, context);
    case 'not':
      return not(nodeFilter(node.node, context));
    case 'and':
      return all(node.nodes.map((each) => nodeFilter(each, context)));
    case 'or':
      return any(node.nodes.map((each) => nodeFilter(each, context)));
  }
}

/** Whether the query says itself where to look. */
function namesPlace(node: Node): boolean {
  if (node.kind === 'operator') return node.name === 'in' || node.name === 'label';
  if (node.kind === 'word') return false;
  return (node.kind === 'not' ? [node.node] : node.nodes).some(namesPlace);
}

/** Trash and spam are left out unless a place is named. */
export function toFilter(node: Node | null, context: FilterContext): EmailFilter {
  const waste = context.boxes
    .filter((box) => box.role === 'trash' || box.role === 'junk')
    .map((box) => box.id);
  const outside: EmailFilter | null = waste.length > 0 ? { inMailboxOtherThan: waste } : null;
  if (!node) return outside ?? {};
  const filter = nodeFilter(node, context);
  if (namesPlace(node) || !outside) return filter;
  return { operator: 'AND', conditions: [filter, outside] };
}
