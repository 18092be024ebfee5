// A forward for clients that cannot send a header of their own: the conformance suites know no bearer token.
import http from 'node:http';

/** Forwards everything to `target` with `name: value` added; streams both ways, keeps a foreign Host as it is. */
export function withHeader(target, name, value) {
  const { hostname, port, host, pathname } = new URL(target);
  const server = http.createServer((req, res) => {
    const headers = { ...req.headers, [name]: value };
    if (headers.host === `127.0.0.1:${server.address().port}`) headers.host = host;
    const onward = http.request({ hostname, port, path: req.url, method: req.method, headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      res.flushHeaders();
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    req.pipe(onward);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}${pathname}`,
        stop: () => {
          server.closeAllConnections();
          server.close();
        },
      }),
    );
  });
}
