// Deployments for agents: passes what it is told to the platform's control address (world/platform.mjs).
//   deployments.mjs URL
import { McpServer, StdioServerTransport, said, z } from './sdk.mjs';

const [, , control] = process.argv;

/** One request to the platform; its answer as a tool's result. */
async function ask(method, path, body) {
  const response = await fetch(`${control}${path}`, { method, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return said(answer);
}

const name = z.string().describe('Name of the deployment');
const memory_mb = z.number().int().positive().describe('Memory in MiB');
const server = new McpServer({ name: 'deployments', version: '1.0.0' });

server.registerTool(
  'get_deployment',
  { description: 'Shows a deployment: its process, memory, uptime, volume.', inputSchema: { name } },
  (args) => ask('GET', `/deployments/${args.name}`),
);
server.registerTool(
  'update_deployment',
  { description: 'Changes the memory of a running deployment, without an interruption.', inputSchema: { name, memory_mb } },
  (args) => ask('PATCH', `/deployments/${args.name}`, { memory_mb: args.memory_mb }),
);
server.registerTool(
  'delete_deployment',
  { description: 'Deletes a deployment: ends its process and removes its volume.', inputSchema: { name } },
  (args) => ask('DELETE', `/deployments/${args.name}`),
);
server.registerTool(
  'create_deployment',
  { description: 'Creates a deployment with an empty volume.', inputSchema: { name, memory_mb } },
  (args) => ask('POST', '/deployments', args),
);

await server.connect(new StdioServerTransport());
