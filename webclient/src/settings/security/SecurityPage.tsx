import { useState } from 'react';

import { AppsSection } from './AppsSection';
import { CodesDialog } from './CodesDialog';
import { PasskeysSection } from './PasskeysSection';
import { PasswordSection } from './PasswordSection';
import { TotpSection } from './TotpSection';

/** Password, second factor, passkeys. */
export function SecurityPage() {
  const [codes, setCodes] = useState<string[]>([]);
  return (
    <>
      <PasswordSection />
      <TotpSection onCodes={setCodes} />
      <PasskeysSection onCodes={setCodes} />
      <AppsSection />
      {codes.length > 0 && <CodesDialog codes={codes} onClose={() => setCodes([])} />}
    </>
  );
}
