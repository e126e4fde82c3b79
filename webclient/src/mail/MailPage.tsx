/** To be written. */
export function MailPage() {
  return <h1>Mail</h1>;
}
