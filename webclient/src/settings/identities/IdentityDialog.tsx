import { useState } from 'react';
import { useIntl } from 'react-intl';

import { MethodError } from '@/api/problems';
import type { Identity } from '@/api/types';
import { Field, FormDialog, Switch, TextArea, toast } from '@/parts';
import { useWork } from '@/parts/use-work';

import {
  createIdentity,
  htmlOf,
  type IdentityFields,
  readAddresses,
  updateIdentity,
  writeAddresses,
} from './identities';

const FIELDS = ['name', 'email', 'replyTo', 'bcc', 'textSignature', 'htmlSignature'];

/** An identity, or a new one where `identity` is null. */
export function IdentityDialog({
  identity,
  onClose,
}: {
  identity: Identity | null;
  onClose: () => void;
}) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `settings.identities.${id}` });
  const [name, setName] = useState(identity?.name ?? '');
  const [email, setEmail] = useState(identity?.email ?? '');
  const [replyTo, setReplyTo] = useState(writeAddresses(identity?.replyTo ?? null));
  const [bcc, setBcc] = useState(writeAddresses(identity?.bcc ?? null));
  const [signature, setSignature] = useState(identity?.textSignature ?? '');
  const [html, setHtml] = useState(identity?.htmlSignature ?? '');
  const [ownHtml, setOwnHtml] = useState(
    identity !== null && identity.htmlSignature !== htmlOf(identity.textSignature),
  );
  const work = useWork(FIELDS, (error) =>
    error instanceof MethodError && error.type === 'forbiddenFrom' ? t('not-yours') : undefined,
  );
  const save = () => {
    const [replies, copies] = [readAddresses(replyTo), readAddresses(bcc)];
    const wrong: Record<string, string> = {};
    const address = intl.formatMessage({ id: 'settings.address.wrong' });
    if (!replies) wrong['replyTo'] = address;
    if (!copies) wrong['bcc'] = address;
    if (!identity && !/^[^\s@]+@[^\s@]+$/.test(email.trim())) wrong['email'] = address;
    if (Object.keys(wrong).length > 0) {
      work.refuse(wrong);
      return;
    }
    const fields: Omit<IdentityFields, 'email'> = {
      name: name.trim(),
      replyTo: replies && replies.length > 0 ? replies : null,
      bcc: copies && copies.length > 0 ? copies : null,
      textSignature: signature,
      htmlSignature: ownHtml ? html : htmlOf(signature),
    };
    void work
      .run(() =>
        identity
          ? updateIdentity(identity.id, fields)
          : createIdentity({ ...fields, email: email.trim() }),
      )
      .then((done) => {
        if (!done) return;
        toast(intl.formatMessage({ id: 'saved' }));
        onClose();
      });
  };
  return (
    <FormDialog
      wide
      onClose={onClose}
      title={identity ? identity.email : t('new')}
      label={intl.formatMessage({ id: 'save' })}

      work={work}
      onSubmit={save}
    >
      {!identity && (
        <Field
          label={t('email')}
          text={t('email.text')}
          type="email"
          value={email}
          error={work.fields['email']}
          onChange={(event) => setEmail(event.target.value)}
        />
      )}
      <Field
        label={t('name')}
        text={t('name.text')}
        value={name}
        error={work.fields['name']}
        autoComplete="name"
        maxLength={200}
        onChange={(event) => setName(event.target.value)}
      />
      <TextArea
        label={t('signature')}
        rows={5}
        dir="auto"
        value={signature}
        error={work.fields['textSignature']}
        onChange={(event) => setSignature(event.target.value)}
      />
      <Switch
        label={t('own-html')}
        text={t('own-html.text')}
        checked={ownHtml}
        onChange={(on) => {
          setOwnHtml(on);
          if (on && html === '') setHtml(htmlOf(signature));
        }}
      />
      {ownHtml && (
        <TextArea
          label={t('html')}
          rows={6}
          dir="ltr"
          spellCheck={false}
          className="font-mono"
          value={html}
          error={work.fields['htmlSignature']}
          onChange={(event) => setHtml(event.target.value)}
        />
      )}
      <Field
        label={t('reply-to')}
        text={t('reply-to.text')}
        value={replyTo}
        error={work.fields['replyTo']}
        onChange={(event) => setReplyTo(event.target.value)}
      />
      <Field
        label={t('bcc')}
        text={t('bcc.text')}
        value={bcc}
        error={work.fields['bcc']}
        onChange={(event) => setBcc(event.target.value)}
      />
    </FormDialog>
  );
}
