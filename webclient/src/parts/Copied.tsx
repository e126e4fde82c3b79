import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useIntl } from 'react-intl';

import { IconButton } from './Button';
import { toast } from './toast';

/** Copies `value`. `label` says what it is, for those who do not see it. */
export function CopyButton({ value, label }: { value: string; label: string }) {
  const intl = useIntl();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = window.setTimeout(() => setDone(false), 2000);
    return () => window.clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setDone(true);
      toast(intl.formatMessage({ id: 'copied' }), { key: 'copied', duration: 1500 });
    } catch {
      // Not over plain HTTP, and not where the browser forbids it.
      toast(intl.formatMessage({ id: 'copy.failed' }), { kind: 'error' });
    }
  };
  return (
    <IconButton
      small
      label={`${intl.formatMessage({ id: 'copy' })}: ${label}`}
      icon={done ? <Check size={15} /> : <Copy size={15} />}
      onClick={() => void copy()}
    />
  );
}

/** A value that somebody is to take elsewhere: whole, selectable, with a button to copy. */
export function Copied({ label, value }: { label: string; value: string }) {
  return (
    <div className="flex flex-col gap-1">
      <span className="text-sm font-medium">{label}</span>
      <div className="flex items-start gap-2 rounded-lg border border-line bg-canvas py-1 ps-3 pe-1 dark:bg-sunken">
        <code dir="ltr" className="min-w-0 flex-1 py-1 text-sm wrap-anywhere select-all">
          {value}
        </code>
        <CopyButton label={label} value={value} />
      </div>
    </div>
  );
}
