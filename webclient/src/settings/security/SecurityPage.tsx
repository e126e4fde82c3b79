/** To be written. */
export function SecurityPage() {
  return null;
}
