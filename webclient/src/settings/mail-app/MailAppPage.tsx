/** To be written. */
export function MailAppPage() {
  return null;
}
