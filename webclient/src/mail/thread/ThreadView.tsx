import type { Id } from '@/api/types';
import type { Action } from '@/mail/act';
import type { Scope } from '@/mail/scope';

export function ThreadView(props: {
  threadId: Id;
  scope: Scope;
  back: (() => void) | undefined;
  onAct: (action: Action | 'destroy' | 'pick-move') => void;
}) {
  return <p>{props.threadId}</p>;
}
