import { type ReactNode, useEffect } from 'react';

import { holdKeys } from './commands';

/**
 * While it is there, single keys do nothing: what one types towards something that is still on its way (a
 * composer, the palette) must not archive and delete on the page below.
 */
export function HoldKeys({ children = null }: { children?: ReactNode }) {
  useEffect(holdKeys, []);
  return children;
}
