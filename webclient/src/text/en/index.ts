import admin from './admin.json';
import compose from './compose.json';
import mail from './mail.json';
import settings from './settings.json';
import shell from './shell.json';
import signIn from './sign-in.json';

// One file an area, so that those who work on one do not meet in another.
const messages: Record<string, string> = {
  ...shell,
  ...mail,
  ...compose,
  ...settings,
  ...signIn,
  ...admin,
};
export default messages;
