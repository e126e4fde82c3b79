import { ImagePlus, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import type { Contact, Medium } from '@/api/contacts';
import { MethodError, Offline, Problem } from '@/api/problems';
import { Button, errorText, toast } from '@/parts';

import { Face } from './Face';
import { newCardOf } from './changes';
import type { PersonForm } from './form';
import { takePhoto } from './photo';

/** The photo: chosen, changed, taken away. */
export function PhotoField({
  form,
  onChange,
}: {
  form: PersonForm;
  onChange: (photo: Medium | null) => void;
}) {
  const intl = useIntl();
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const t = (id: string) => intl.formatMessage({ id: `people.photo.${id}` });
  const take = async (file: File | undefined) => {
    if (!file) return;
    setBusy(true);
    try {
      onChange(await takePhoto(file));
    } catch (error) {
      const ours = [Problem, Offline, MethodError].some((kind) => error instanceof kind);
      toast(ours ? errorText(intl, error) : t('unreadable'), { kind: 'error' });
    } finally {
      setBusy(false);
    }
  };
  const shown: Contact = { id: '', uid: '', ...newCardOf(form) };
  return (
    <div className="flex flex-wrap items-center gap-4">
      <Face contact={shown} size={72} />
      <Button icon={<ImagePlus size={16} />} busy={busy} onClick={() => input.current?.click()}>
        {t(form.photo ? 'change' : 'choose')}
      </Button>
      {form.photo && (
        <Button kind="plain" icon={<X size={16} />} onClick={() => onChange(null)}>
          {t('remove')}
        </Button>
      )}
      <input
        ref={input}
        type="file"
        hidden
        accept="image/*"
        aria-label={t('choose')}
        onChange={(event) => {
          void take(event.target.files?.[0]);
          event.target.value = '';
        }}
      />
    </div>
  );
}
