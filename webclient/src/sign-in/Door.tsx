import type { ReactNode } from 'react';

import { useTitle } from '@/shell/pages';

/** The frame of the pages before one is signed in: a form in the middle. */
export function Door({
  title,
  text,
  onSubmit,
  children,
}: {
  title: string;
  text?: ReactNode;
  onSubmit: () => void;
  children: ReactNode;
}) {
  useTitle(title);
  return (
    <main className="h-full overflow-y-auto bg-canvas">
      <div className="flex min-h-full items-center justify-center p-4">
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
          className="flex w-full max-w-sm flex-col gap-4 rounded-2xl border border-line bg-surface p-6 shadow-raised"
        >
          <img src="/icon.svg" alt="" width={44} height={44} />
          <div>
            <h1 className="text-xl font-semibold">{title}</h1>
            {text !== undefined && <p className="mt-1 text-muted">{text}</p>}
          </div>
          {children}
        </form>
      </div>
    </main>
  );
}

/** Why the form was refused. */
export function Refusal({ text }: { text: string }) {
  return (
    <p role="alert" className="text-sm text-danger empty:hidden">
      {text}
    </p>
  );
}
