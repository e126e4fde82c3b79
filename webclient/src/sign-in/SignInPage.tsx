import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Eye, EyeOff } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Problem } from '@/api/problems';
import { type Me, startSession } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Button, errorText, Field, IconButton, Switch } from '@/parts';
import { useTitle } from '@/shell/pages';

interface Answer {
  session: Me | null;
  nextStep: { challenge: string; methods: string[] } | null;
}

/** Signing in with a password, and with a code where the account has a second factor. */
export function SignInPage() {
  const intl = useIntl();
  const navigate = useNavigate();
  const next = useSearch({ strict: false, select: (search) => search.next });
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState(false);
  const [remember, setRemember] = useState(true);
  const [challenge, setChallenge] = useState<string | null>(null);
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const t = (id: string) => intl.formatMessage({ id });
  const title = t(challenge === null ? 'sign-in' : 'sign-in.second');
  useTitle(title);

  const submit = async () => {
    setBusy(true);
    setError('');
    try {
      const answer =
        challenge === null
          ? await apiV1<Answer>('POST', '/session', {
              body: { login: login.trim(), password, remember },
              public: true,
            })
          : await apiV1<Answer>('POST', '/session/second-factor', {
              body: { challenge, code: code.trim() },
              public: true,
            });
      if (answer.session) {
        await startSession(answer.session);
        await navigate({ href: next ?? '/mail/inbox', replace: true });
      } else if (answer.nextStep) {
        setChallenge(answer.nextStep.challenge);
      }
    } catch (problem) {
      const refused = problem instanceof Problem && problem.status === 401;
      setError(
        refused
          ? t(challenge === null ? 'sign-in.wrong' : 'sign-in.wrong-code')
          : errorText(intl, problem),
      );
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="flex h-full items-center justify-center overflow-y-auto bg-canvas p-4">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
        className="flex w-full max-w-sm flex-col gap-4 rounded-2xl border border-line bg-surface p-6 shadow-raised"
      >
        <img src="/icon.svg" alt="" width={44} height={44} />
        <h1 className="text-xl font-semibold">{title}</h1>
        {challenge === null ? (
          <>
            <Field
              label={t('sign-in.login')}
              value={login}
              autoComplete="username"
              autoCapitalize="none"
              required
              onChange={(event) => setLogin(event.target.value)}
            />
            <Field
              label={t('sign-in.password')}
              type={shown ? 'text' : 'password'}
              value={password}
              autoComplete="current-password"
              required
              onChange={(event) => setPassword(event.target.value)}
              after={
                <IconButton
                  small
                  label={t(shown ? 'sign-in.hide' : 'sign-in.show')}
                  icon={shown ? <EyeOff size={16} /> : <Eye size={16} />}
                  onClick={() => setShown(!shown)}
                />
              }
            />
            <Switch label={t('sign-in.remember')} checked={remember} onChange={setRemember} />
          </>
        ) : (
          <Field
            label={t('sign-in.code')}
            text={t('sign-in.code.text')}
            value={code}
            inputMode="numeric"
            autoComplete="one-time-code"
            required
            onChange={(event) => setCode(event.target.value)}
          />
        )}
        <p role="alert" className="text-sm text-danger empty:hidden">
          {error}
        </p>
        <Button kind="primary" type="submit" busy={busy} className="h-11">
          {t('sign-in')}
        </Button>
        {challenge === null && (
          <Link to="/register" className="text-center text-sm text-accent underline">
            {t('sign-in.register')}
          </Link>
        )}
      </form>
    </main>
  );
}
