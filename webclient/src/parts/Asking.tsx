import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Button } from './Button';
import { Dialog } from './Dialog';
import { Field } from './Field';
import type { Question } from './question';

/** The dialog of `confirm` and `ask`. */
export function Asking({
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
