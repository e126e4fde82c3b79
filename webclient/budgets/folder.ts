// A folder with a great many conversations, filled by SMTP.
import { type MessageParts, message } from '../e2e/support/message';
import type { Server } from '../e2e/support/server';
import { SmtpSender } from '../e2e/support/smtp';

const SENDERS = 16;
const NAMES = ['Anna', 'Bo', 'Clara', 'Dmitri', 'Eve', 'Farid', 'Grace', 'Hugo', 'Ines', 'Jan'];
const TOPICS = ['invoice', 'meeting', 'report', 'holiday', 'order', 'delivery', 'review', 'budget'];

function parts(to: string, number: number): MessageParts {
  const name = NAMES[number % NAMES.length] ?? '';
  return {
    to,
    from: `${name} Writer <${name.toLowerCase()}${number % 97}@elsewhere.test>`,
    subject: `${TOPICS[number % TOPICS.length]} ${number}`,
    text: `Number ${number}: a few words about the ${TOPICS[number % TOPICS.length]}.`,
  };
}

/** `count` messages, each a conversation of its own. */
export async function fill(server: Server, to: string, count: number): Promise<void> {
  let next = 0;
  const work = async () => {
    let sender = await SmtpSender.connect(server.smtp);
    for (let sent = 0; next < count; sent += 1) {
      const number = next;
      next += 1;
      if (sent > 0 && sent % 90 === 0) {
        sender.close(); // as many as a server takes in one session
        sender = await SmtpSender.connect(server.smtp);
      }
      const text = message(parts(to, number));
      await sender.send({ from: 'bulk@elsewhere.test', to: [to], message: text });
    }
    sender.close();
  };
  await Promise.all(Array.from({ length: SENDERS }, work));
}
