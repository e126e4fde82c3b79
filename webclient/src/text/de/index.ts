import compose from './compose.json';
import mail from './mail.json';
import shell from './shell.json';

// One file an area, so that those who work on one do not meet in another. Other areas' texts come with
// their pages (AreaText).
const messages: Record<string, string> = { ...shell, ...mail, ...compose };
export default messages;
