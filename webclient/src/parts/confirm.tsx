import { useState } from 'react';
import { useIntl } from 'react-intl';
import { create } from 'zustand';

import { Button } from './Button';
import { Dialog } from './Dialog';
import { Field } from './Field';

interface Question {
  title: string;
  text?: string;
  /** The button that does it. */
  confirm: string;
  danger?: boolean;
  /** Asks for a text as well, beginning with this. */
  input?: { label: string; value: string };
}

const useQuestion = create<{ question: Question | null; answer: (value: string | null) => void }>()(
  () => ({ question: null, answer: () => undefined }),
);

/** Asks; resolves to whether the person said yes. */
export async function confirm(question: Omit<Question, 'input'>): Promise<boolean> {
  return (await ask(question)) !== null;
}

/** Asks for a text; null when the person said no. */
export function ask(question: Question): Promise<string | null> {
  return new Promise((resolve) => {
    useQuestion.getState().answer(null);
    useQuestion.setState({
      question,
      answer: (value) => {
        useQuestion.setState({ question: null, answer: () => undefined });
        resolve(value);
      },
    });
  });
}

/** Placed once in the shell. */
export function ConfirmHost() {
  const { question, answer } = useQuestion();
  return question && <Asking key={question.title} question={question} answer={answer} />;
}

function Asking({
  question,
  answer,
}: {
  question: Question;
  answer: (value: string | null) => void;
}) {
  const intl = useIntl();
  const [value, setValue] = useState(question.input?.value ?? '');
  const ready = !question.input || value.trim() !== '';
  return (
    <Dialog
      open
      onClose={() => answer(null)}
      title={question.title}
      text={question.text}
      actions={
        <>
          <Button onClick={() => answer(null)}>{intl.formatMessage({ id: 'cancel' })}</Button>
          <Button
            kind={question.danger ? 'danger' : 'primary'}
            disabled={!ready}
            onClick={() => answer(value.trim())}
            data-autofocus
          >
            {question.confirm}
          </Button>
        </>
      }
    >
      {question.input && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (ready) answer(value.trim());
          }}
        >
          <Field
            label={question.input.label}
            value={value}
            onChange={(event) => setValue(event.target.value)}
            // eslint-disable-next-line jsx-a11y/no-autofocus -- the dialog asks for nothing else
            autoFocus
          />
        </form>
      )}
    </Dialog>
  );
}
