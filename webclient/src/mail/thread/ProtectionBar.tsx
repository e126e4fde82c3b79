// Says that a message is encrypted or signed, and that nothing of that is done or checked here.
import { Lock, PenLine } from 'lucide-react';
import { useIntl } from 'react-intl';

import type { EmailBody } from '@/api/types';
import { Button } from '@/parts';

import { follow } from './Attachments';
import { protectionOf } from './protection';

export function ProtectionBar({ body, rawUrl }: { body: EmailBody; rawUrl: string }) {
  const intl = useIntl();
  const found = protectionOf(body);
  if (!found) return null;
  const { kind, by } = found;
  return (
    <div className="mx-5 mb-1 flex flex-wrap items-center gap-x-3 rounded-lg bg-canvas px-3 py-2 text-sm print:hidden">
      {kind === 'encrypted' ? (
        <Lock size={16} className="shrink-0 text-muted" aria-hidden />
      ) : (
        <PenLine size={16} className="shrink-0 text-muted" aria-hidden />
      )}
      <span className="min-w-40 flex-1">
        {intl.formatMessage({ id: `protection.${kind}` }, { by })}
      </span>
      {kind === 'encrypted' && (
        <Button className="h-8 px-2 text-sm" onClick={() => follow(rawUrl, 'message.eml')}>
          {intl.formatMessage({ id: 'message.source.download' })}
        </Button>
      )}
    </div>
  );
}
