// Which labels conversations have, and what was chosen to change about that.
import type { EmailSummary, Id, Mailbox } from '@/api/types';

export type Tick = 'on' | 'off' | 'mixed';

/** What can be a label: the person's own mailboxes. */
export const isLabel = (box: Mailbox): boolean => box.role === null;

/** The labels of emails, in the order of `boxes`, but the one that is looked at. */
export function labelsOf(
  emails: readonly EmailSummary[],
  boxes: readonly Mailbox[],
  here: Id | null,
): Mailbox[] {
  return boxes.filter(
    (box) =>
      isLabel(box) && box.id !== here && emails.some((email) => email.mailboxIds[box.id] === true),
  );
}

/** By conversation: a label is on where any message of each has it, mixed where only some have. */
export function ticksOf(emails: readonly EmailSummary[], boxes: readonly Mailbox[]): Map<Id, Tick> {
  const threads = new Map<Id, EmailSummary[]>();
  for (const email of emails) {
    const list = threads.get(email.threadId);
    if (list) list.push(email);
    else threads.set(email.threadId, [email]);
  }
  return new Map(
    boxes.filter(isLabel).map((box) => {
      const having = [...threads.values()].filter((list) =>
        list.some((email) => email.mailboxIds[box.id] === true),
      ).length;
      return [box.id, having === 0 ? 'off' : having === threads.size ? 'on' : 'mixed'];
    }),
  );
}

/** What to change; a label that is mixed and stays so is left alone. */
export function changesOf(
  before: ReadonlyMap<Id, Tick>,
  after: ReadonlyMap<Id, Tick>,
): { on: Id[]; off: Id[] } {
  const changed = [...after].filter(([id, tick]) => before.get(id) !== tick);
  const of = (tick: Tick) => changed.flatMap(([id, now]) => (now === tick ? [id] : []));
  return { on: of('on'), off: of('off') };
}
