// The official SDK, from where testkit/install puts it.
export { McpServer } from '../../../testkit/node_modules/@modelcontextprotocol/sdk/dist/esm/server/mcp.js';
export { StdioServerTransport } from '../../../testkit/node_modules/@modelcontextprotocol/sdk/dist/esm/server/stdio.js';
export { z } from '../../../testkit/node_modules/zod/index.js';

/** A tool's result: JSON as text. */
export const said = (value) => ({ content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }] });
