import type { ReactNode } from 'react';
import { useIntl } from 'react-intl';

import { Button } from './Button';
import { Dialog } from './Dialog';
import type { Work } from './use-work';

interface FormDialogProps {
  title: string;
  text?: ReactNode;
  wide?: boolean;
  /** What the button says that does it. */
  label: string;
  danger?: boolean | undefined;
  disabled?: boolean | undefined;
  work: Work;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** A form in a dialog: fields, why it was refused, and the two buttons. Enter in a field submits it. */
export function FormDialog(props: FormDialogProps) {
  const { title, text, wide, label, danger, disabled, work, onSubmit, onClose, children } = props;
  const intl = useIntl();
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      {...(text === undefined ? {} : { text })}
      {...(wide === undefined ? {} : { wide })}
      actions={
        <>
          <Button onClick={onClose}>{intl.formatMessage({ id: 'cancel' })}</Button>
          <Button
            kind={danger ? 'danger' : 'primary'}
            busy={work.busy}
            disabled={disabled === true}
            onClick={onSubmit}
          >
            {label}
          </Button>
        </>
      }
    >
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!disabled) onSubmit();
        }}
      >
        {children}
        <p role="alert" className="text-sm text-danger empty:hidden">
          {work.error}
        </p>
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
