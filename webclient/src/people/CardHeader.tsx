// The bar above a card: back (on a phone), and what can be done with it.
import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { useIntl } from 'react-intl';

import { IconButton } from '@/parts';
import { useRoom } from '@/shell/layout';

import { usePlace } from './address';

export function CardHeader({ title, children }: { title?: string; children?: ReactNode }) {
  const intl = useIntl();
  const phone = useRoom() === 'phone';
  const { goTo } = usePlace();
  const Heading = phone ? 'h1' : 'h2';
  return (
    <header className="flex min-h-12 shrink-0 items-center gap-1 border-b border-line px-3">
      {phone && (
        <IconButton
          label={intl.formatMessage({ id: 'back' })}
          icon={<ArrowLeft size={19} className="rtl:rotate-180" />}
          onClick={() => goTo(null)}
        />
      )}
      {title === undefined ? (
        <span className="flex-1" />
      ) : (
        <Heading className="min-w-0 flex-1 truncate px-2 text-lg font-semibold">{title}</Heading>
      )}
      {children}
    </header>
  );
}
