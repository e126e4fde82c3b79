/** An event of the window: a notice was clicked, its detail is the path to go to. */
export const SHOW = 'mailsys-show';
