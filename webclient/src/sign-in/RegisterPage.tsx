import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Problem } from '@/api/problems';
import { type Me, startSession } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Button, Field } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { PasswordField } from '@/parts/PasswordField';
import { useWork } from '@/parts/use-work';
import { AreaText } from '@/text/AreaText';

import { Door, Refusal } from './Door';
import { useInvite, useRegistration } from './registration';

/** Making an account of one's own, where the server lets people. */
export function RegisterPage() {
  return (
    <AreaText area="sign-in">
      <Register />
    </AreaText>
  );
}

function Register() {
  const intl = useIntl();
  const title = intl.formatMessage({ id: 'register' });
  const registration = useRegistration();
  const given = useSearch({ strict: false, select: (search) => search.invitation }) ?? '';
  return registration.data?.mode === 'off' || !registration.data ? (
    <Door
      title={title}
      {...(registration.data ? { text: intl.formatMessage({ id: 'register.off' }) } : {})}
      onSubmit={() => undefined}
    >
      {!registration.data && <Loaded query={registration}>{() => null}</Loaded>}
      <ToSignIn />
    </Door>
  ) : (
    <RegisterForm
      domain={registration.data.domain}
      byInvite={registration.data.mode === 'invite' || given !== ''}
      shortest={registration.data.shortestPassword}
      given={given}
    />
  );
}

interface FormProps {
  domain: string;
  byInvite: boolean;
  /** Characters of the shortest password. */
  shortest: number;
  /** The invite of the URL. */
  given: string;
}

const FIELDS = ['login', 'name', 'password', 'invite'];

function RegisterForm({ domain: usual, byInvite, shortest, given }: FormProps) {
  const intl = useIntl();
  const navigate = useNavigate();
  const t = (id: string, values?: Record<string, string | number>) =>
    intl.formatMessage({ id }, values);
  const [login, setLogin] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [invite, setInvite] = useState(given);
  const found = useInvite(given);
  const domain = found.data?.domain ?? usual;
  const invalid = found.error instanceof Problem && found.error.status === 404;
  const work = useWork(FIELDS, (error) =>
    error instanceof Problem && error.status === 409 ? t('register.taken') : undefined,
  );
  const submit = () => {
    const wrong: Record<string, string> = {};
    if (login.trim() === '') wrong['login'] = t('field.required');
    if (name.trim() === '') wrong['name'] = t('field.required');
    if (byInvite && invite.trim() === '') wrong['invite'] = t('field.required');
    if ([...password].length < shortest) wrong['password'] = t('register.shortest', { shortest });
    if (Object.keys(wrong).length > 0) {
      work.refuse(wrong);
      return;
    }
    void work.run(async () => {
      const made = await apiV1<{ address: string }>('POST', '/registration', {
        body: { login: login.trim(), name: name.trim(), password, invite: invite.trim() },
        public: true,
      });
      const { session } = await apiV1<{ session: Me }>('POST', '/session', {
        body: { login: made.address, password },
        public: true,
      });
      await startSession(session);
      await navigate({ href: '/mail/inbox', replace: true });
    });
  };
  return (
    <Door title={t('register')} onSubmit={submit}>
      {byInvite && (
        <Field
          label={t('register.invite')}
          text={t('register.invite.text')}
          value={invite}
          error={invalid ? t('register.invite.wrong') : work.fields['invite']}
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => setInvite(event.target.value)}
        />
      )}
      <Field
        label={t('register.name')}
        value={name}
        error={work.fields['name']}
        autoComplete="name"
        maxLength={200}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={t('sign-in.login')}
        text={
          <bdi dir="ltr">
            {login.includes('@') || login === '' ? `…@${domain}` : `${login.trim()}@${domain}`}
          </bdi>
        }
        value={login}
        error={work.fields['login']}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => setLogin(event.target.value)}
      />
      <PasswordField
        label={t('sign-in.password')}
        text={t('register.shortest', { shortest })}
        value={password}
        error={work.fields['password']}
        autoComplete="new-password"
        onChange={(event) => setPassword(event.target.value)}
      />
      <Refusal text={work.error} />
      <Button kind="primary" type="submit" busy={work.busy} className="h-11">
        {t('register')}
      </Button>
      <ToSignIn />
    </Door>
  );
}

function ToSignIn() {
  const intl = useIntl();
  return (
    <Link
      to="/sign-in"
      className="self-center text-sm text-accent underline touch:flex touch:min-h-11 touch:items-center"
    >
      {intl.formatMessage({ id: 'register.sign-in' })}
    </Link>
  );
}
