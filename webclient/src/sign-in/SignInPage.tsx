import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { type PasskeyAsked, passkeyMessage, passkeysWork, provePasskey } from '@/api/passkeys';
import { Problem } from '@/api/problems';
import { type Me, startSession } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Button, Field, Switch } from '@/parts';
import { PasswordField } from '@/parts/PasswordField';
import { useWork } from '@/parts/use-work';
import { AreaText } from '@/text/AreaText';

import { Door, Refusal } from './Door';
import { useRegistration } from './registration';

interface NextStep {
  challenge: string;
  methods: ('totp' | 'recovery' | 'passkey')[];
  passkey: PasskeyAsked | null;
}

interface Answer {
  session: Me | null;
  nextStep: NextStep | null;
}

/** Signing in: with a password and, where the account has one, a second factor; or with a passkey. */
export function SignInPage() {
  return (
    <AreaText area="sign-in">
      <SignIn />
    </AreaText>
  );
}

function SignIn() {
  const navigate = useNavigate();
  const next = useSearch({ strict: false, select: (search) => search.next });
  const [step, setStep] = useState<NextStep | null>(null);
  const enter = async (answer: Answer) => {
    if (answer.nextStep) {
      setStep(answer.nextStep);
    } else if (answer.session) {
      await startSession(answer.session);
      await navigate({ href: next ?? '/mail/inbox', replace: true });
    }
  };
  return step ? (
    <SecondStep step={step} enter={enter} startOver={() => setStep(null)} />
  ) : (
    <FirstStep enter={enter} />
  );
}

interface StepProps {
  enter: (answer: Answer) => Promise<void>;
}

/** What to say of a refusal; `wrong` is the text for a 401. */
function useRefusal(wrong: string) {
  const intl = useIntl();
  return (error: unknown): string | undefined => {
    const id =
      error instanceof Problem && error.status === 401 ? wrong : (passkeyMessage(error) ?? '');
    return id === '' ? undefined : intl.formatMessage({ id });
  };
}

function FirstStep({ enter }: StepProps) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id });
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [remember, setRemember] = useState(true);
  const registration = useRegistration().data;
  const work = useWork(['login', 'password'], useRefusal('sign-in.wrong'));
  const byPasskey = useWork([], useRefusal('sign-in.wrong-passkey'));
  const submit = () => {
    const missing = Object.fromEntries(
      Object.entries({ login: login.trim(), password })
        .filter(([, value]) => value === '')
        .map(([name]) => [name, t('field.required')]),
    );
    byPasskey.clear();
    if (Object.keys(missing).length > 0) {
      work.refuse(missing);
      return;
    }
    void work.run(async () => {
      const body = { login: login.trim(), password, remember };
      await enter(await apiV1<Answer>('POST', '/session', { body, public: true }));
    });
  };
  const usePasskey = () => {
    work.clear();
    void byPasskey.run(async () => {
      const asked = await apiV1<PasskeyAsked>('POST', '/session/passkey/options', { public: true });
      const credential = await provePasskey(asked);
      const body = { challenge: asked.challenge, credential, remember };
      await enter(await apiV1<Answer>('POST', '/session/passkey', { body, public: true }));
    });
  };
  return (
    <Door title={t('sign-in')} onSubmit={submit}>
      <Field
        label={t('sign-in.login')}
        placeholder={registration && `name@${registration.domain}`}
        value={login}
        error={work.fields['login']}
        autoComplete="username webauthn"
        autoCapitalize="none"
        spellCheck={false}
        required
        onChange={(event) => setLogin(event.target.value)}
      />
      <PasswordField
        label={t('sign-in.password')}
        value={password}
        error={work.fields['password']}
        required
        onChange={(event) => setPassword(event.target.value)}
      />
      <Switch label={t('sign-in.remember')} checked={remember} onChange={setRemember} />
      <Refusal text={work.error || byPasskey.error} />
      <Button kind="primary" type="submit" busy={work.busy} className="h-11">
        {t('sign-in')}
      </Button>
      {passkeysWork() && (
        <Button
          icon={<KeyRound size={17} />}
          busy={byPasskey.busy}
          className="h-11"
          onClick={usePasskey}
        >
          {t('sign-in.passkey')}
        </Button>
      )}
      {registration && registration.mode !== 'off' && (
        <Link
          to="/register"
          className="self-center text-sm text-accent underline touch:flex touch:min-h-11 touch:items-center"
        >
          {t('sign-in.register')}
        </Link>
      )}
    </Door>
  );
}

function SecondStep({
  step,
  enter,
  startOver,
}: StepProps & { step: NextStep; startOver: () => void }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id });
  const [code, setCode] = useState('');
  const work = useWork(['code'], useRefusal('sign-in.wrong-code'));
  const codes = step.methods.includes('totp') || step.methods.includes('recovery');
  const { passkey } = step;
  const finish = (proof: Record<string, unknown>) =>
    apiV1<Answer>('POST', '/session/second-factor', {
      body: { challenge: step.challenge, ...proof },
      public: true,
    }).then(enter);
  return (
    <Door
      title={t('sign-in.second')}
      text={t('sign-in.second.text')}
      onSubmit={() => {
        if (code.trim() === '') work.refuse({ code: t('field.required') });
        else void work.run(() => finish({ code: code.trim() }));
      }}
    >
      {passkey && passkeysWork() && (
        <Button
          icon={<KeyRound size={17} />}
          kind={codes ? 'outline' : 'primary'}
          busy={work.busy}
          className="h-11"
          onClick={() =>
            void work.run(async () =>
              finish({
                passkeyChallenge: passkey.challenge,
                credential: await provePasskey(passkey),
              }),
            )
          }
        >
          {t('sign-in.passkey')}
        </Button>
      )}
      {codes && (
        <Field
          label={t('sign-in.code')}
          text={t(step.methods.includes('totp') ? 'sign-in.code.text' : 'sign-in.recovery.text')}
          value={code}
          error={work.fields['code']}
          inputMode={step.methods.includes('totp') ? 'numeric' : 'text'}
          autoComplete="one-time-code"
          required
          // eslint-disable-next-line jsx-a11y/no-autofocus -- the step asks for nothing else
          autoFocus
          onChange={(event) => setCode(event.target.value)}
        />
      )}
      <Refusal text={work.error} />
      {codes && (
        <Button kind="primary" type="submit" busy={work.busy} className="h-11">
          {t('sign-in.continue')}
        </Button>
      )}
      <Button kind="plain" onClick={startOver}>
        {t('sign-in.start-over')}
      </Button>
    </Door>
  );
}
