// One message being written.
import { lazy, Suspense, useState } from 'react';
import { useIntl } from 'react-intl';

import { useCommand } from '@/keys/commands';
import { HoldKeys } from '@/keys/HoldKeys';
import { Button, confirm, errorText, Loading, toast } from '@/parts';

import { AttachedFiles } from './AttachedFiles';
import { type Begun, signed } from './begin';
import { ComposerBar } from './ComposerBar';
import { ComposerFrame } from './ComposerFrame';
import { isEmpty } from './content';
import { Fields } from './Fields';
import { htmlToText, textToHtml, withQuoteOpen } from './html';
import { joined, nameOf } from './recipients';
import { hindrance, send } from './send';
import {
  changeComposer,
  closeComposer,
  type OpenComposer,
  openComposer,
  useComposers,
} from './store';
import { discard, useDraft } from './use-draft';
import { useFiles } from './use-files';

const Editor = lazy(() => import('./editor/Editor').then((module) => ({ default: module.Editor })));

export function Composer({ composer, begun }: { composer: OpenComposer; begun: Begun }) {
  const intl = useIntl();
  const t = (id: string, values?: Record<string, string | number>) =>
    intl.formatMessage({ id }, values);
  const { key } = composer;
  const { identities } = begun;
  const { intent } = composer;
  const kept = intent.kind === 'restore' ? intent.kept : undefined;
  const handle = useDraft(key, begun.draft, identities, kept);
  const { draft, change } = handle;
  const files = useFiles(handle);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const front = useComposers((state) => state.front === key);
  const inText = begun.draft.to.length > 0;

  const close = async () => {
    if (busy) return;
    try {
      await handle.save();
      closeComposer(key);
    } catch {
      // Only while it is open is it tried again: it stays, out of the way.
      changeComposer(key, { size: 'folded' });
      toast(t('compose.stays'), { kind: 'error' });
    }
  };
  const toss = async () => {
    if (busy) return;
    const before = handle.current();
    handle.stop();
    try {
      // A save that is under way may still make an email.
      await handle.settled();
      const back = await discard(handle.current());
      closeComposer(key);
      if (isEmpty(before)) return;
      toast(t('compose.discarded'), {
        action: { label: t('undo'), run: () => openComposer({ kind: 'restore', draft: back }) },
      });
    } catch (error) {
      handle.resume();
      setProblem(errorText(intl, error));
    }
  };
  const dispatch = async (until: Date | null) => {
    if (busy) return;
    setProblem('');
    const before = document.activeElement;
    const found = await hindrance(handle.current(), intl);
    if (found !== null) {
      setProblem(found);
      // A question that was asked has had the focus: one goes on where one was.
      window.setTimeout(() => {
        if (before instanceof HTMLElement && document.activeElement === document.body)
          before.focus();
      }, 50);
      return;
    }
    setBusy(true);
    try {
      const emailId = await handle.save();
      const own = handle.current();
      const identity = identities.find((each) => each.id === own.identityId) ?? identities[0];
      if (emailId === null || !identity) return;
      await send(own, emailId, identity, until, intl);
      handle.stop();
      closeComposer(key);
    } catch (error) {
      setProblem(t('send.failed', { why: errorText(intl, error) }));
      changeComposer(key, { size: composer.size === 'folded' ? 'docked' : composer.size });
    } finally {
      setBusy(false);
    }
  };
  const toggleFormat = async () => {
    if (draft.format === 'plain') {
      change({ format: 'rich', html: textToHtml(draft.text) });
      return;
    }
    const rich = /<(strong|em|u|s|ul|ol|blockquote|code|pre|a|img)\b/.test(draft.html);
    if (rich && !(await confirm({ title: t('compose.plain-loses'), text: t('compose.plain-loses.text'), confirm: t('compose.plain') }))) return; // prettier-ignore
    change((now) => ({ format: 'plain', text: htmlToText(now.html) }));
  };
  useCommand('send', () => void dispatch(null), front);
  useCommand('discard', () => void toss(), front);

  return (
    <ComposerFrame
      composer={composer}
      title={draft.subject.trim() || t('compose.new')}
      onClose={() => void close()}
      onFiles={files.attach}
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-y-auto" inert={busy}>
        <Fields
          draft={draft}
          identities={identities}
          change={change}
          onIdentity={(identity) => change((now) => signed(now, identity))}
          focus={!inText}
        />
        {draft.others.length > 0 && (
          <p className="flex flex-wrap items-center gap-2 bg-accent-soft px-3 py-1.5 text-sm text-accent-ink">
            <span className="flex-1">{t('compose.others', { count: draft.others.length })}</span>
            <Button
              className="h-7!"
              onClick={() => change((now) => ({ cc: joined(now.cc, now.others), others: [] }))}
            >
              {t('compose.reply-all')}
            </Button>
          </p>
        )}
        {draft.author && (
          <p className="flex flex-wrap items-center gap-2 bg-warn-soft px-3 py-1.5 text-sm text-warn">
            <span className="flex-1">{t('compose.to-list')}</span>
            <Button
              className="h-7!"
              onClick={() => change((now) => ({ to: now.author ?? now.to, author: null }))}
            >
              {t('compose.to-author', { who: draft.author.map(nameOf).join(', ') })}
            </Button>
          </p>
        )}
        {draft.format === 'rich' ? (
          <Suspense
            fallback={
              <HoldKeys>
                <Loading lines={4} />
              </HoldKeys>
            }
          >
            <Editor
              label={t('compose.body')}
              html={draft.html}
              focus={inText}
              onChange={(html) => change({ html })}
              onImages={files.embed}
              onFiles={files.attach}
            />
          </Suspense>
        ) : (
          <textarea
            aria-label={t('compose.body')}
            dir="auto"
            // eslint-disable-next-line jsx-a11y/no-autofocus -- whom it goes to is known: one begins to write
            autoFocus={inText}
            className="min-h-40 flex-1 resize-none bg-transparent px-4 py-3 font-mono text-base outline-none"
            value={draft.text}
            onFocus={(event) => {
              if (event.target.value === begun.draft.text) event.target.setSelectionRange(0, 0);
            }}
            onChange={(event) => change({ text: event.target.value })}
          />
        )}
        {draft.quote && (
          <Button
            className="mx-4 mb-3 h-6! self-start px-2!"
            aria-label={t('compose.quote')}
            title={t('compose.quote')}
            onClick={({ currentTarget }) => {
              // The button goes away with what it showed: one goes on in the text, or, while the
              // editor still loads, at least in the same window.
              (
                currentTarget.parentElement?.querySelector<HTMLElement>(
                  'textarea, [role=textbox]',
                ) ?? currentTarget.closest('[role=dialog]')?.querySelector('input')
              )?.focus();
              change(withQuoteOpen);
            }}
          >
            •••
          </Button>
        )}
      </div>
      <AttachedFiles list={draft.attached} all={draft.format === 'plain'} remove={files.remove} />
      <p
        role="alert"
        className="shrink-0 bg-danger-soft px-4 py-2 text-sm text-danger empty:hidden"
      >
        {problem || (handle.saving === 'failed' ? errorText(intl, handle.error) : '')}
      </p>
      <ComposerBar
        format={draft.format}
        saving={handle.saving}
        busy={busy}
        onSend={(until) => void dispatch(until)}
        onFiles={files.attach}
        onFormat={() => void toggleFormat()}
        onDiscard={() => void toss()}
      />
    </ComposerFrame>
  );
}
