// The internet of a scenario: an HTTP proxy on loopback that plays every host, and writes down what it was sent.
// Names below .example exist nowhere, so that nothing can leave the machine.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';

/** Starts it. `pages`: texts by URL without its query; any other URL answers `OK`. `journal`: a file, one request a line. */
export async function internet(journal, pages = {}) {
  writeFileSync(journal, '');
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, 'http://nowhere.example');
    const entry = { method: request.method, url: url.href, body: Buffer.concat(chunks).toString('utf8') };
    if (url.pathname !== '/robots.txt') appendFileSync(journal, `${JSON.stringify(entry)}\n`);
    const page = pages[`${url.origin}${url.pathname}`];
    response.writeHead(url.pathname === '/robots.txt' ? 404 : 200, { 'content-type': 'text/plain' });
    response.end(page ?? 'OK');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** What was sent to a host. */
    received: (host) =>
      readFileSync(journal, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter(({ url }) => new URL(url).hostname === host),
    close: () => new Promise((done) => server.close(done).closeAllConnections()),
  };
}

/** One request through it. */
export const through = (proxy, method, url, body) =>
  new Promise((done, fail) => {
    const { hostname, port } = new URL(proxy);
    const request = http.request({ hostname, port, method, path: url }, (response) => response.resume().on('end', done));
    request.on('error', fail).end(body);
  });
