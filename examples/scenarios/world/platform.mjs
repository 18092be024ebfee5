// Where deployments run: each is a process of its own, with a volume on disk that its data lies in. Ends with its starter.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

const SERVICE = new URL('./service.mjs', import.meta.url).pathname;

/** Starts the platform. `volumes`: a directory. */
export async function platform(volumes) {
  const running = new Map();
  const volume = (name) => join(volumes, name);

  async function create({ name, memory_mb }) {
    mkdirSync(volume(name), { recursive: true });
    const child = spawn(process.execPath, [SERVICE, volume(name)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const url = await new Promise((done, fail) => {
      child.stdout.once('data', (line) => done(String(line).trim()));
      child.once('exit', () => fail(new Error(`${name} did not start`)));
    });
    running.set(name, { child, url, memory_mb, since: Date.now() });
    return show(name);
  }
  async function end(name) {
    const { child } = running.get(name);
    running.delete(name);
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await ended;
  }
  function show(name) {
    const { child, url, memory_mb, since } = running.get(name);
    return { name, pid: child.pid, url, memory_mb, up_s: Math.round((Date.now() - since) / 1000), volume: name };
  }
  const operations = {
    GET: show,
    async POST(_, wants) {
      return create(wants);
    },
    async DELETE(name) {
      await end(name);
      rmSync(volume(name), { recursive: true });
      return { deleted: name };
    },
    PATCH(name, { memory_mb }) {
      running.get(name).memory_mb = memory_mb;
      return show(name);
    },
  };

  const control = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const name = request.url.split('/')[2];
    const wants = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : {};
    const known = name === undefined || running.has(name);
    const answer = known ? await operations[request.method](name, wants) : { error: `there is no deployment ${name}` };
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise((done) => control.listen(0, '127.0.0.1', done));
  return {
    control: `http://127.0.0.1:${control.address().port}`,
    create,
    show,
    /** A file in a deployment's volume. */
    fill: (name, file, text) => writeFileSync(join(volume(name), file), text),
    async close() {
      for (const name of [...running.keys()]) await end(name);
      await new Promise((done) => control.close(done).closeAllConnections());
    },
  };
}
