import { Eye, EyeOff } from 'lucide-react';
import { type ComponentProps, useState } from 'react';
import { useIntl } from 'react-intl';

import { IconButton } from './Button';
import { Field } from './Field';

/** A password with an eye. Needs the texts of forms (AreaText). */
export function PasswordField(props: Omit<ComponentProps<typeof Field>, 'type' | 'after'>) {
  const intl = useIntl();
  const [shown, setShown] = useState(false);
  return (
    <Field
      spellCheck={false}
      autoCapitalize="none"
      autoComplete="current-password"
      {...props}
      type={shown ? 'text' : 'password'}
      className="pe-11"
      after={
        <IconButton
          small
          label={intl.formatMessage({ id: shown ? 'password.hide' : 'password.show' })}
          icon={shown ? <EyeOff size={16} /> : <Eye size={16} />}
          onClick={() => setShown(!shown)}
        />
      }
    />
  );
}
