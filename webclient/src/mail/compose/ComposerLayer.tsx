import { useComposers } from './store';

/** All open composers. */
export function ComposerLayer() {
  const open = useComposers((state) => state.open);
  return <div hidden>{open.length}</div>;
}
