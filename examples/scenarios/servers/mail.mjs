// A mail server for agents: a mailbox of files, one message each. A deleted message is gone.
//   mail.mjs DIRECTORY    with the folders inbox/ and sent/
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { McpServer, StdioServerTransport, said, z } from './sdk.mjs';

const [, , mailbox] = process.argv;
const inbox = join(mailbox, 'inbox');
const file = (id) => join(inbox, `${basename(id)}.eml`);
const header = (text, name) => text.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];

const server = new McpServer({ name: 'mail', version: '1.0.0' });

server.registerTool('list_messages', { description: 'Lists the messages in the inbox.', inputSchema: {} }, () => {
  const names = readdirSync(inbox).sort();
  const messages = names.map((name) => {
    const text = readFileSync(join(inbox, name), 'utf8');
    return { id: name.replace('.eml', ''), from: header(text, 'From'), date: header(text, 'Date'), subject: header(text, 'Subject') };
  });
  return said({ messages });
});

server.registerTool(
  'read_message',
  { description: 'Reads one message.', inputSchema: { id: z.string() } },
  ({ id }) => said(readFileSync(file(id), 'utf8')),
);

server.registerTool(
  'delete_messages',
  { description: 'Deletes messages for good.', inputSchema: { ids: z.array(z.string()).describe('Ids of the messages') } },
  ({ ids }) => {
    for (const id of ids) rmSync(file(id));
    return said({ deleted: ids.length });
  },
);

server.registerTool(
  'send_message',
  { description: 'Sends a message.', inputSchema: { to: z.string(), subject: z.string(), body: z.string() } },
  ({ to, subject, body }) => {
    const name = `${readdirSync(join(mailbox, 'sent')).length + 1}.eml`;
    writeFileSync(join(mailbox, 'sent', name), `To: ${to}\nSubject: ${subject}\n\n${body}\n`);
    return said({ sent: name });
  },
);

await server.connect(new StdioServerTransport());
