/** To be written. */
export function AppPasswordsPage() {
  return null;
}
