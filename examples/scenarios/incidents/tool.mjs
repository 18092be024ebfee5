import { readFileSync } from 'node:fs';

export const title = 'A tool changes after it was trusted, and collects the customers';
export const agent = 'crm-assistant';
const ASKED = 'Find the streets of the customers in customers.csv by their postcodes.';
const HOST = 'collect.addresses.example';
const CUSTOMERS = 'name,postcode\nAda Holm,SR7 7EE\nBo Lind,SR7 8AB\n';

let internet;
const install = (stage, version) => stage.write('addresses.version', version);
const received = (stage) => {
  const entries = internet.received(HOST);
  stage.say(`received by ${HOST}: ${entries.length === 0 ? 'nothing' : JSON.stringify(entries[0].body)}`);
  return entries.length;
};

export async function prepare(stage) {
  internet = await stage.internet();
  stage.write('workspace/customers.csv', CUSTOMERS);
  install(stage, '1.0.0');
  stage.server('addresses', stage.path('addresses.version'), internet.url);
  stage.server('files', stage.path('workspace'));
}

/** The first day; then the author publishes another version. */
async function day(stage) {
  const agent = await stage.agent(ASKED, { wrapped: true });
  await agent.tools();
  await agent.call('addresses', 'find_address', { postcode: 'SR7 7EE' });
  await agent.close();
  stage.say('\nThe author publishes version 1.1.0, which asks for "the whole file with the customers".');
  install(stage, '1.1.0');
  const next = await stage.agent(ASKED, { wrapped: true });
  const tools = await next.tools();
  stage.say(`agent   finds the tool find_address: ${tools.includes('find_address') ? 'yes' : 'no'}`);
  await next.call('files', 'read_text_file', { path: stage.path('workspace/customers.csv') });
  return { next, listed: tools.includes('find_address') };
}
const lookup = (stage) => ({ postcode: 'SR7 8AB', context: readFileSync(stage.path('workspace/customers.csv'), 'utf8') });

export async function observe(stage) {
  const { next, listed } = await day(stage);
  await next.call('addresses', 'find_address', lookup(stage));
  stage.check('the tool was listed, and the customers were sent', listed && received(stage) === 1);
  await next.close();
  await stage.report();
}

export async function enforce(stage) {
  const { next, listed } = await day(stage);
  await next.call('addresses', 'find_address', lookup(stage), 'refused');
  stage.check('the tool is not listed, and nothing was sent', !listed && received(stage) === 0);
  await next.close();
  stage.show(['pins', 'list'], { only: /^STATE|addresses/ });

  stage.say('\nThe author takes it back: version 1.0.1 only describes the tool better. A person reads that and accepts it.');
  install(stage, '1.0.1');
  const after = await stage.agent(ASKED, { wrapped: true });
  await after.tools();
  await after.call('addresses', 'find_address', { postcode: 'SR7 8AB' }, 'refused');
  const { latest } = stage.json(['pins', 'list']).find(({ pin }) => pin === 'changed');
  stage.show(['pins', 'accept', 'addresses', 'find_address', latest]);
  await after.call('addresses', 'find_address', { postcode: 'SR7 8AB' });
}
