// A conversation with its texts: both come when the first one is opened.
import { AreaText } from '@/text/AreaText';

import { type ThreadProps, ThreadView } from './ThreadView';

export function Thread(props: ThreadProps) {
  return (
    <AreaText area="reading">
      <ThreadView {...props} />
    </AreaText>
  );
}
