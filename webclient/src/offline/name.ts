/** The database of kept mail. By itself: the start wipes it without what reads it. */
export const DATABASE = 'mailsys-mail';
