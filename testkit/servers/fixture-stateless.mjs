#!/usr/bin/env node
// The fixture server of revision 2026-07-28, on the TypeScript SDK v2. It also answers older clients, statelessly.
//   fixture-stateless.mjs            streamable HTTP; prints its address as JSON
//   fixture-stateless.mjs --stdio    the same server on stdin and stdout
//   --modern-only                    refuses older clients, as a server of the future will
import { Readable } from 'node:stream';
import {
  McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  ResourceTemplate,
  createMcpHandler,
  fromJsonSchema,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { FORMS, PROMPTS, RESOURCES, TEMPLATE, TOOLS, complete, pause, readResource, text } from './content.mjs';
import { INPUT_PROMPT, INPUT_TOOLS } from './input-required.mjs';
import { isLocal, listen, refuse } from './serve.mjs';
import { TASKS, TASK_TOOLS, registerTasks } from './tasks.mjs';

const HEADER = (name, type) => ({ type, description: `Mirrored into Mcp-Param-${name}`, 'x-mcp-header': name });

/** Tools of this era alone; `change` announces changed lists. */
const statelessTools = (change) => [
  {
    name: 'test_x_mcp_header',
    description: 'Has arguments that are mirrored into headers',
    inputSchema: {
      type: 'object',
      properties: {
        region: HEADER('Region', 'string'),
        priority: HEADER('Priority', 'integer'),
        urgent: HEADER('Urgent', 'boolean'),
        note: { type: 'string' },
      },
    },
    call: (args) => text(`arguments: ${JSON.stringify(args)}`),
  },
  {
    name: 'test_missing_capability',
    description: 'Needs a client that can sample',
    inputSchema: { type: 'object', properties: {} },
    call(_args, io) {
      if (io.capabilities.sampling === undefined) {
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
      }
      return text('The client can sample');
    },
  },
  {
    name: 'test_streaming_elicitation',
    description: 'Streams progress and then asks the user',
    inputSchema: { type: 'object', properties: {} },
    async call(_args, io) {
      await io.progress(1, 2, 'about to ask');
      await pause(50);
      if (io.responses.contact !== undefined) return text('Streaming elicitation completed');
      return io.ask({ contact: io.elicit('Whom should we contact?', FORMS.contact) });
    },
  },
  {
    name: 'test_logging_tool',
    description: 'Sends a log message when the request asks for them',
    inputSchema: { type: 'object', properties: {} },
    async call(_args, io) {
      await io.log('info', 'test_logging_tool ran');
      return text('Logging tool executed successfully');
    },
  },
  ...['tool', 'prompt', 'resource'].map((kind) => ({
    name: `test_trigger_${kind}_change`,
    description: `Announces a changed list of ${kind}s`,
    inputSchema: { type: 'object', properties: {} },
    call() {
      change(kind);
      return text(`The list of ${kind}s has changed`);
    },
  })),
];

/** What a tool sees of its request, in the words of content.mjs and input-required.mjs. */
const ioOf = ({ mcpReq }) => ({
  signal: mcpReq.signal,
  capabilities: mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {},
  responses: mcpReq.inputResponses ?? {},
  state: mcpReq.requestState(),
  log: (level, data) => mcpReq.log(level, data),
  progress: async (progress, total, message) => {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken === undefined) return;
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
  },
  elicit: (message, requestedSchema) => ({ method: 'elicitation/create', params: { message, requestedSchema } }),
  ask: (inputRequests, requestState) => ({ resultType: 'input_required', inputRequests, requestState }),
});

const toolsOf = (change) => [...TOOLS, ...statelessTools(change), ...INPUT_TOOLS, ...TASK_TOOLS];

/** A string argument of a prompt as the schema that the SDK wants. */
const promptSchema = (prompt) =>
  fromJsonSchema({
    type: 'object',
    properties: Object.fromEntries(prompt.arguments.map(({ name, description }) => [name, { type: 'string', description }])),
    required: prompt.arguments.filter(({ required }) => required).map(({ name }) => name),
  });

function makeServer(change) {
  const server = new McpServer(
    { name: 'holdshort-fixture-stateless', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
        extensions: { [TASKS]: {} },
      },
    },
  );
  const tools = new Map(toolsOf(change).map((tool) => [tool.name, tool]));
  for (const { name, description, inputSchema } of tools.values()) {
    server.registerTool(name, { description, inputSchema: fromJsonSchema(inputSchema) }, () => text('replaced below'));
  }
  // The SDK's own handler would turn the protocol errors of a tool (-32021, -32602) into results.
  server.server.setRequestHandler('tools/call', async ({ params }, ctx) => {
    const tool = tools.get(params.name);
    if (tool === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    try {
      return await tool.call(params.arguments ?? {}, ioOf(ctx));
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      return { ...text(String(error.message)), isError: true };
    }
  });
  const read = (uri) => {
    const contents = readResource(uri.href);
    if (contents === undefined) throw new ResourceNotFoundError(uri.href);
    return { contents };
  };
  for (const { uri, name, ...metadata } of RESOURCES) server.registerResource(name, uri, metadata, read);
  const { uriTemplate, name, ...metadata } = TEMPLATE;
  server.registerResource(name, new ResourceTemplate(uriTemplate, { list: undefined }), metadata, read);
  for (const prompt of [...PROMPTS, INPUT_PROMPT]) {
    const config = { description: prompt.description };
    if (prompt.arguments === undefined) {
      server.registerPrompt(prompt.name, config, async (ctx) => prompt.ask?.(ioOf(ctx)) ?? { messages: prompt.get() });
    } else {
      server.registerPrompt(prompt.name, { ...config, argsSchema: promptSchema(prompt) }, (args) => ({ messages: prompt.get(args) }));
    }
  }
  server.server.setRequestHandler('completion/complete', ({ params }) => complete(params.argument.value));
  registerTasks(server.server);
  return server;
}

const legacy = process.argv.includes('--modern-only') ? 'reject' : undefined;

if (process.argv.includes('--stdio')) {
  let server;
  const change = (kind) =>
    ({ tool: () => server.sendToolListChanged(), prompt: () => server.sendPromptListChanged(), resource: () => server.sendResourceListChanged() })[kind]();
  serveStdio(() => (server = makeServer(change)), { legacy });
} else {
  const change = (kind) =>
    ({ tool: () => handler.notify.toolsChanged(), prompt: () => handler.notify.promptsChanged(), resource: () => handler.notify.resourcesChanged() })[kind]();
  const handler = createMcpHandler(() => makeServer(change), { legacy });
  listen((req, res) => void bridge(handler, req, res).catch((error) => refuse(res, 500, String(error))));
}

/** Hands a request of node:http to a handler of fetch requests; a client that goes away aborts it. */
async function bridge(handler, req, res) {
  if (!isLocal(req)) return refuse(res, 403, 'Host or Origin is not local');
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  const body = req.method === 'POST' ? Readable.toWeb(req) : undefined;
  const url = `http://${req.headers.host}${req.url}`;
  const response = await handler.fetch(new Request(url, { method: req.method, headers: req.headers, body, duplex: 'half', signal: gone.signal }));
  res.writeHead(response.status, Object.fromEntries(response.headers));
  res.flushHeaders();
  if (response.body !== null) {
    const reader = response.body.getReader();
    gone.signal.addEventListener('abort', () => void reader.cancel().catch(() => {}));
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      res.write(value);
    }
  }
  res.end();
}
