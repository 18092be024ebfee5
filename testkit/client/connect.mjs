// Connects one of the two SDKs; what differs between them stays in this file.

/** The client's answers to what servers ask; scripts compare with them. */
const ANSWERS = {
  'sampling/createMessage': () => ({ role: 'assistant', model: 'testkit', stopReason: 'endTurn', content: { type: 'text', text: 'sampled by testkit' } }),
  'elicitation/create': ({ params }) => ({ action: 'accept', content: fill(params.requestedSchema) }),
  'roots/list': () => ({ roots: [{ uri: 'file:///testkit/root', name: 'testkit' }] }),
};

/** A value for each property of a form. */
function fill(schema) {
  const value = ({ type, default: preset, enum: choices, oneOf }) => {
    if (preset !== undefined) return preset;
    if (choices !== undefined) return choices[0];
    if (oneOf !== undefined) return oneOf[0].const;
    return { string: 'testkit', boolean: true, integer: 1, number: 1.5, array: [] }[type];
  };
  return Object.fromEntries(Object.entries(schema?.properties ?? {}).map(([key, property]) => [key, value(property)]));
}

const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
const NOTIFICATIONS = ['message', 'resources/updated', 'resources/list_changed', 'tools/list_changed', 'prompts/list_changed'];

/** Connects and returns { client, callTool(params, options), raw(request), about(), close() }. */
export async function connect({ sdk, era, url, command, token }, seen) {
  const { Client, Http, Stdio, schemas } = sdk === 'v1' ? await version1() : await version2();
  const client = new Client(
    { name: 'holdshort-testkit', version: '1.0.0' },
    { capabilities: CAPABILITIES, ...(sdk === 'v2' && { versionNegotiation: { mode: /^\d/.test(era) ? { pin: era } : era } }) },
  );
  for (const [method, answer] of Object.entries(ANSWERS)) {
    client.setRequestHandler(schemas.request(method), (request) => {
      seen.asked.push({ method, params: request.params });
      return answer(request);
    });
  }
  for (const name of NOTIFICATIONS) {
    const method = `notifications/${name}`;
    client.setNotificationHandler(schemas.notification(method), ({ params }) => void seen.notifications.push({ method, params }));
  }
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const transport =
    url === undefined
      ? new Stdio({ command: command[0], args: command.slice(1), env: process.env, stderr: 'inherit' })
      : new Http(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  return {
    client,
    // Version 1 has a schema for the result in the middle of its arguments.
    callTool: (params, rest) => (sdk === 'v1' ? client.callTool(params, undefined, rest) : client.callTool(params, rest)),
    raw: (request) => client.request(request, schemas.anyResult),
    about: () => ({
      era: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? 'unknown',
      server: client.getServerVersion(),
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
    }),
    close: async () => {
      await transport.terminateSession?.().catch(() => {});
      await client.close();
    },
  };
}

async function version1() {
  const [{ Client }, { StreamableHTTPClientTransport }, { StdioClientTransport }, types] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    import('@modelcontextprotocol/sdk/client/stdio.js'),
    import('@modelcontextprotocol/sdk/types.js'),
  ]);
  // This SDK registers handlers by the schema of the message.
  const byMethod = new Map();
  for (const schema of Object.values(types)) {
    const method = schema?.shape?.method?.value ?? schema?.shape?.method?.def?.values?.[0];
    if (typeof method === 'string') byMethod.set(method, schema);
  }
  const schemas = { request: (method) => byMethod.get(method), notification: (method) => byMethod.get(method), anyResult: types.ResultSchema };
  return { Client, Http: StreamableHTTPClientTransport, Stdio: StdioClientTransport, schemas };
}

async function version2() {
  const [{ Client, StreamableHTTPClientTransport, fromJsonSchema }, { StdioClientTransport }] = await Promise.all([
    import('@modelcontextprotocol/client'),
    import('@modelcontextprotocol/client/stdio'),
  ]);
  const same = (method) => method;
  const schemas = { request: same, notification: same, anyResult: fromJsonSchema({ type: 'object' }) };
  return { Client, Http: StreamableHTTPClientTransport, Stdio: StdioClientTransport, schemas };
}
