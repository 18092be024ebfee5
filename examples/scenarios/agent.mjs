// The agent's client, on the official SDK. What the model would decide is written down in the scenarios; everything from
// the client on is real: its messages, the refusals that it reads, the waiting for a person.
import { Client } from '../../testkit/node_modules/@modelcontextprotocol/sdk/dist/esm/client/index.js';
import { StdioClientTransport } from '../../testkit/node_modules/@modelcontextprotocol/sdk/dist/esm/client/stdio.js';
import { StreamableHTTPClientTransport } from '../../testkit/node_modules/@modelcontextprotocol/sdk/dist/esm/client/streamableHttp.js';
import { until } from './stage.mjs';

const REFUSED = -32001;
const INTENT = 'com.holdshort/intent';
const SHOWN_MAX = 150;

export class Agent {
  #clients = new Map();
  #stage;
  #asked;

  constructor(stage, asked) {
    this.#stage = stage;
    this.#asked = asked;
    stage.say(`person  "${asked}"`);
  }

  /** One address for all servers; the agent is known by its token. */
  async connect() {
    const stage = this.#stage;
    this.token ??= stage.json(['agents', 'tokens', 'create', stage.agentName])[0].token;
    const requestInit = { headers: { Authorization: `Bearer ${this.token}` } };
    const client = await this.#open(new StreamableHTTPClientTransport(new URL(stage.service.mcp), { requestInit }));
    for (const name of Object.keys(stage.servers)) this.#clients.set(name, { client, prefix: `${name}__` });
  }

  /** `holdshort mcp` in place of each server's command, as an mcp.json has it. */
  async wrap(servers) {
    const stage = this.#stage;
    for (const [name, command] of Object.entries(servers)) {
      const args = ['mcp', '--name', name, '--agent', stage.agentName, '--intent', this.#asked, '--', ...command];
      const options = { command: stage.holdshort, args, env: stage.environment, cwd: stage.path('workspace'), stderr: 'ignore' };
      this.#clients.set(name, { client: await this.#open(new StdioClientTransport(options)), prefix: '' });
    }
  }

  async #open(transport) {
    const client = new Client({ name: 'scenario-agent', version: '1.0.0' }, { capabilities: {} });
    await client.connect(transport);
    return client;
  }

  /** Names of the tools that it finds. */
  async tools() {
    const names = [];
    for (const client of new Set([...this.#clients.values()].map((one) => one.client))) {
      names.push(...(await client.listTools()).tools.map((tool) => tool.name));
    }
    return names;
  }

  /** Calls a tool, and shows what became of it: `allowed` or `refused`. Anything but `expected` ends the scenario. */
  async call(server, tool, args, expected = 'allowed') {
    this.#tell(server, tool, args);
    return this.#settle(this.#start(server, tool, args), tool, expected);
  }

  /** Calls a tool that a person is asked about, and answers as that person does on the command line. */
  async callAndAnswer(server, tool, args, answer, reason) {
    const stage = this.#stage;
    this.#tell(server, tool, args);
    const call = this.#settle(this.#start(server, tool, args), tool, answer === 'approve' ? 'allowed' : 'refused');
    call.catch(() => {});
    const question = await Promise.race([until('a question', () => stage.json(['approvals', 'list'])[0]), call.then(() => undefined)]);
    if (question === undefined) throw new Error(`nobody was asked about ${tool}`);
    stage.say('  waits for a person');
    stage.show(['approvals', 'show', question.id]);
    stage.show(['approvals', answer, question.id, '--reason', reason]);
    return call;
  }

  #start(server, tool, args) {
    const { client, prefix } = this.#clients.get(server);
    const params = { name: `${prefix}${tool}`, arguments: args };
    if (prefix !== '') params._meta = { [INTENT]: this.#asked };
    return client.callTool(params);
  }

  async #settle(call, tool, expected) {
    const stage = this.#stage;
    let outcome = 'allowed';
    let text;
    try {
      const result = await call;
      text = (result.content ?? []).map((part) => part.text ?? `[${part.type}]`).join(' ');
      if (result.isError) throw new Error(`${tool} failed: ${text}`);
      stage.say(`  allowed  ${short(text)}`);
    } catch (error) {
      if (error.code !== REFUSED) throw error;
      outcome = 'refused';
      stage.sayLong('  refused  ', error.message.replace(/^MCP error -32001: /, ''));
    }
    if (outcome !== expected) throw new Error(`${tool} was ${outcome}, expected it to be ${expected}`);
    return text;
  }

  #tell(server, tool, args) {
    this.#stage.say(`agent   ${server}: ${tool} ${short(JSON.stringify(args, summarise))}`);
  }

  async close() {
    for (const client of new Set([...this.#clients.values()].map((one) => one.client))) {
      await client.transport?.terminateSession?.().catch(() => {});
      await client.close();
    }
    this.#clients.clear();
  }
}

/** Long lists are told by their ends. */
const summarise = (_, value) => (Array.isArray(value) && value.length > 6 ? [value[0], `... ${value.length - 2} more ...`, value.at(-1)] : value);

function short(text) {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)} ...` : line;
}
