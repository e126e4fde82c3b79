// What `confirm` and `ask` ask.
export interface Question {
  title: string;
  text?: string;
  /** The button that does it. */
  confirm: string;
  danger?: boolean;
  /** Asks for a text as well, beginning with this. */
  input?: { label: string; value: string };
}
