/** To be written. */
export function DataPage() {
  return null;
}
