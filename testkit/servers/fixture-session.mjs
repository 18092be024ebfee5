#!/usr/bin/env node
// The fixture server of the session era (2025-11-25 and older), on the TypeScript SDK v1.
//   fixture-session.mjs            streamable HTTP with sessions, SSE and resumption; prints its address as JSON
//   fixture-session.mjs --stdio    the same server on stdin and stdout
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as t from '@modelcontextprotocol/sdk/types.js';
import { FORMS, PROMPTS, RESOURCES, TEMPLATE, TOOLS, complete, pause, readResource, text } from './content.mjs';
import { bodyOf, isLocal, listen, refuse } from './serve.mjs';

const elicit = (io, message, requestedSchema) =>
  io.request({ method: 'elicitation/create', params: { message, requestedSchema } }, t.ElicitResultSchema);

/** Tools that ask their client while the call runs, as only this era can. */
const SESSION_TOOLS = [
  {
    name: 'test_sampling',
    description: 'Asks the client for a completion',
    inputSchema: { type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] },
    async call({ prompt }, io) {
      const result = await io.request(
        {
          method: 'sampling/createMessage',
          params: { messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens: 100 },
        },
        t.CreateMessageResultSchema,
      );
      return text(`LLM response: ${result.content.text}`);
    },
  },
  {
    name: 'test_elicitation',
    description: 'Asks the user for a contact',
    inputSchema: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
    async call({ message }, io) {
      const { action, content } = await elicit(io, message, FORMS.contact);
      return text(`User response: action=${action}, content=${JSON.stringify(content)}`);
    },
  },
  ...['defaults', 'enums'].map((form) => ({
    name: form === 'defaults' ? 'test_elicitation_sep1034_defaults' : 'test_elicitation_sep1330_enums',
    description: `Asks the user with a form of ${form}`,
    inputSchema: { type: 'object', properties: {} },
    async call(_args, io) {
      const { action, content } = await elicit(io, 'Please fill in the form', FORMS[form]);
      return text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
    },
  })),
  {
    name: 'test_list_roots',
    description: "Returns the client's roots",
    inputSchema: { type: 'object', properties: {} },
    async call(_args, io) {
      const { roots } = await io.request({ method: 'roots/list' }, t.ListRootsResultSchema);
      return text(roots.map((root) => root.uri).join('\n'));
    },
  },
  {
    name: 'test_reconnection',
    description: 'Closes its SSE stream in the middle of the call; the result comes on resumption',
    inputSchema: { type: 'object', properties: {} },
    async call(_args, io) {
      io.closeStream();
      await pause(100);
      return text('Reconnection test completed successfully');
    },
  },
  {
    name: 'test_touch_watched',
    description: 'Sends resources/updated for the watched resource and tools/list_changed',
    inputSchema: { type: 'object', properties: {} },
    async call(_args, io) {
      await io.touched('test://watched-resource');
      return text('touched');
    },
  },
];

const LEVELS = t.LoggingLevelSchema.options;

function makeServer() {
  const server = new Server(
    { name: 'holdshort-fixture-session', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
      },
    },
  );
  const tools = [...TOOLS, ...SESSION_TOOLS];
  const subscribed = new Set();
  let level = 'debug';

  const ioOf = (extra) => ({
    signal: extra.signal,
    log: async (at, data) => {
      if (LEVELS.indexOf(at) < LEVELS.indexOf(level)) return;
      await extra.sendNotification({ method: 'notifications/message', params: { level: at, data } });
    },
    progress: async (progress, total, message) => {
      const progressToken = extra._meta?.progressToken;
      if (progressToken === undefined) return;
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
    },
    request: (request, schema) => extra.sendRequest(request, schema),
    closeStream: () => extra.closeSSEStream?.(),
    touched: async (uri) => {
      if (subscribed.has(uri)) await server.sendResourceUpdated({ uri });
      await server.sendToolListChanged();
    },
  });

  server.setRequestHandler(t.ListToolsRequestSchema, () => ({ tools: tools.map(({ call, ...definition }) => definition) }));
  server.setRequestHandler(t.CallToolRequestSchema, async ({ params }, extra) => {
    const found = tools.find(({ name }) => name === params.name);
    if (found === undefined) throw new t.McpError(t.ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    try {
      return await found.call(params.arguments ?? {}, ioOf(extra));
    } catch (error) {
      return { ...text(String(error.message)), isError: true };
    }
  });
  server.setRequestHandler(t.ListResourcesRequestSchema, () => ({ resources: RESOURCES }));
  server.setRequestHandler(t.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [TEMPLATE] }));
  server.setRequestHandler(t.ReadResourceRequestSchema, ({ params: { uri } }) => {
    const contents = readResource(uri);
    if (contents === undefined) throw new t.McpError(-32002, 'Resource not found', { uri });
    return { contents };
  });
  server.setRequestHandler(t.SubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.add(uri);
    return {};
  });
  server.setRequestHandler(t.UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.delete(uri);
    return {};
  });
  server.setRequestHandler(t.ListPromptsRequestSchema, () => ({ prompts: PROMPTS.map(({ get, ...definition }) => definition) }));
  server.setRequestHandler(t.GetPromptRequestSchema, ({ params }) => {
    const prompt = PROMPTS.find(({ name }) => name === params.name);
    if (prompt === undefined) throw new t.McpError(t.ErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return { messages: prompt.get(params.arguments ?? {}) };
  });
  server.setRequestHandler(t.CompleteRequestSchema, ({ params }) => complete(params.argument.value));
  server.setRequestHandler(t.SetLevelRequestSchema, ({ params }) => {
    level = params.level;
    return {};
  });
  return server;
}

/** Events of one session in memory, so that a client can come back for those it missed. */
class Events {
  #events = [];
  async storeEvent(streamId, message) {
    const id = `${streamId}/${this.#events.length}`;
    this.#events.push({ id, streamId, message });
    return id;
  }
  async getStreamIdForEventId(id) {
    return this.#events.find((event) => event.id === id)?.streamId;
  }
  async replayEventsAfter(lastId, { send }) {
    const at = this.#events.findIndex((event) => event.id === lastId);
    const { streamId } = this.#events[at];
    for (const event of this.#events.slice(at + 1)) {
      if (event.streamId === streamId && Object.keys(event.message).length > 0) await send(event.id, event.message);
    }
    return streamId;
  }
}

const sessions = new Map();

async function handle(req, res) {
  if (!isLocal(req)) return refuse(res, 403, 'Host or Origin is not local');
  const known = sessions.get(req.headers['mcp-session-id']);
  if (known !== undefined) return known.handleRequest(req, res);
  if (req.headers['mcp-session-id'] !== undefined) return refuse(res, 404, 'Session not found');
  if (req.method !== 'POST') return refuse(res, 400, 'Mcp-Session-Id header is required');
  let body;
  try {
    body = JSON.parse(await bodyOf(req));
  } catch {
    return refuse(res, 400, 'Parse error');
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
    eventStore: new Events(),
    retryInterval: 100,
  });
  await makeServer().connect(transport);
  await transport.handleRequest(req, res, body);
}

if (process.argv.includes('--stdio')) {
  await makeServer().connect(new StdioServerTransport());
} else {
  listen((req, res) => void handle(req, res).catch((error) => refuse(res, 500, String(error))));
}
