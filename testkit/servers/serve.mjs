// Common to the servers here: the address as JSON on stdout, and an end together with the process that started them.
import http from 'node:http';

/** Listens on a free port of 127.0.0.1 and prints `{"url":"http://127.0.0.1:PORT/mcp","pid":PID}` as the first line. */
export function listen(handler) {
  const server = http.createServer(handler);
  server.requestTimeout = 0;
  server.listen(Number(option('port') ?? 0), '127.0.0.1', () => announce(server));
  if (process.argv.includes('--exit-with-stdin')) {
    process.stdin.resume();
    process.stdin.on('end', () => process.exit(0));
  }
  return server;
}

export function announce(server) {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/mcp`, pid: process.pid })}\n`);
}

/** Value of `--name value` on the command line. */
export function option(name) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

/** The whole body of a request as text. */
export async function bodyOf(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Whether Host and Origin name this machine (the defence against DNS rebinding). */
export function isLocal(req) {
  const name = (value) => {
    try {
      return new URL(value).hostname;
    } catch {
      return undefined;
    }
  };
  const { host, origin } = req.headers;
  return LOOPBACK.has(name(`http://${host}`)) && (origin === undefined || LOOPBACK.has(name(origin)));
}

export function refuse(res, status, message) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null }));
}
