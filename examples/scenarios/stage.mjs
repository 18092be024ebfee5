// The stage of a scenario: a directory with everything that the organisation has, and a running Holdshort in it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent } from './agent.mjs';
import { internet } from './world/internet.mjs';
import { platform } from './world/platform.mjs';

export const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const counterparts = join(root, '.cache/counterparts');
/** A Python to look into a database with. */
export const python = join(counterparts, 'python/sessions/bin/python');
const START_MS_MAX = 30_000;
/** Width and number of lines of a long text. */
const TEXT_MAX = 140;
const LINES_MAX = 6;

/** How the servers are started: those that people use, and ours in servers/. */
const SERVERS = {
  files: (...directories) => [process.execPath, join(counterparts, 'npm/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js'), ...directories],
  fetch: (proxy) => [join(counterparts, 'python/modern/bin/mcp-server-fetch'), '--proxy-url', proxy],
  crm: (database) => [join(counterparts, 'python/sessions/bin/mcp-server-sqlite'), '--db-path', database],
  mail: (...args) => [process.execPath, join(here, 'servers/mail.mjs'), ...args],
  deployments: (...args) => [process.execPath, join(here, 'servers/deployments.mjs'), ...args],
  addresses: (...args) => [process.execPath, join(here, 'servers/addresses.mjs'), ...args],
};

export class Stage {
  constructor({ agent, mode, holdshort, place, tell }) {
    this.mode = mode;
    this.agentName = agent;
    this.holdshort = holdshort;
    this.place = place ?? mkdtempSync(join(tmpdir(), 'holdshort-scenario-'));
    this.temporary = place === undefined;
    this.tell = tell;
    this.servers = {};
    this.ending = [];
    this.told = [];
    mkdirSync(join(this.place, 'workspace'), { recursive: true });
  }

  path = (...parts) => join(this.place, ...parts);
  write(name, text) {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
    return this.path(name);
  }
  read = (name) => readFileSync(this.path(name), 'utf8');

  /** What is told; machine paths are left out. */
  say = (text = '') => this.tell(String(text).replaceAll(this.place, '/corp'));
  /** The same, for a long text: in lines, below each other. */
  sayLong(lead, text) {
    const words = text.replaceAll(/\s+/g, ' ').split(' ');
    const lines = [''];
    for (const word of words) {
      if (lines.at(-1).length + word.length > TEXT_MAX) lines.push('');
      lines[lines.length - 1] += `${lines.at(-1) === '' ? '' : ' '}${word}`;
    }
    const shown = lines.length > LINES_MAX ? [...lines.slice(0, LINES_MAX), '[...]'] : lines;
    this.say(lead + shown.join(`\n${' '.repeat(lead.length)}`));
  }

  /** Puts an MCP server of SERVERS into the configuration. */
  server(name, ...args) {
    this.servers[name] = SERVERS[name](...args);
  }
  async internet(pages) {
    const made = await internet(this.path('internet.jsonl'), pages);
    this.ending.push(made.close);
    return made;
  }
  async platform() {
    const made = await platform(this.path('volumes'));
    this.ending.push(made.close);
    return made;
  }

  /** The people who are told: an HTTP endpoint that keeps what it got. */
  async #people() {
    const server = http.createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      this.told.push(JSON.parse(Buffer.concat(chunks)));
      response.end();
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    this.ending.push(() => new Promise((done) => server.close(done).closeAllConnections()));
    return `http://127.0.0.1:${server.address().port}/`;
  }

  /** Writes the configuration and starts the service. `more`: further tables. */
  async start(more = '') {
    const text = JSON.stringify;
    const grants = Object.keys(this.servers).map((name) => `[[grants]]
name = "assistant-${name}"
class = "assistant"
servers = ["${name}"]
verbs = ["read", "write", "delete", "execute", "send"]
resources = ["*"]
mode = "${this.mode}"
`);
    const filled = { PLACE: this.place, MODE: this.mode, AGENT: this.agentName, SOC: await this.#people(), GRANTS: grants.join('') };
    const organisation = readFileSync(join(here, 'corp.toml'), 'utf8').replace(/@([A-Z]+)@/g, (_, name) => filled[name]);
    const upstreams = Object.entries(this.servers).map(
      ([name, [command, ...args]]) => `[[upstream]]\nname = ${text(name)}\ncommand = ${text(command)}\nargs = ${text(args)}\n`,
    );
    this.write('holdshort.toml', [organisation, ...upstreams, more].join('\n'));
    this.environment = { ...process.env, HOLDSHORT_CONFIG: this.path('holdshort.toml'), HOLDSHORT_DATA: this.path('data'), HOLDSHORT_LOG: 'warn' };
    const child = spawn(this.holdshort, ['serve'], { stdio: ['ignore', 'pipe', 'pipe'], env: this.environment });
    this.ending.push(() => this.#end(child));
    await this.#ready(child);
    this.service = JSON.parse(this.read('data/service.json'));
  }
  async #ready(child) {
    let said = '';
    let failed = '';
    child.stderr.on('data', (chunk) => (failed += chunk));
    const ready = new Promise((done) => child.stdout.on('data', (chunk) => (said += chunk).includes('Ctrl-C') && done('ready')));
    const ended = new Promise((done) => child.once('exit', (code) => done(`ended with ${code}`)));
    const late = new Promise((done) => setTimeout(done, START_MS_MAX, 'late').unref());
    const came = await Promise.race([ready, ended, late]);
    if (came !== 'ready') throw new Error(`the service is not ready (${came})\n${failed}`);
  }
  async #end(child) {
    if (child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await ended;
  }

  /** Runs a command of Holdshort; its output. Exit codes other than `code` fail. */
  run(args, { code = 0, input } = {}) {
    try {
      const output = execFileSync(this.holdshort, args, { encoding: 'utf8', env: this.environment, input, stdio: 'pipe' });
      if (code !== 0) throw Object.assign(new Error(`exit code 0, expected ${code}`), { stdout: output, stderr: '' });
      return output;
    } catch (error) {
      if (error.status !== undefined && error.status === code) return error.stdout + error.stderr;
      throw new Error(`holdshort ${args.join(' ')}: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
    }
  }
  /** Shows what the policies would have done, once the last decision is below a signed checkpoint. */
  async report() {
    await until('a checkpoint over everything', () => this.json(['log', 'verify'])[0].unsealed === 0);
    this.show(['policy', 'report'], { until: /^holdshort\.rules\.\w+: / });
  }
  json = (args) => this.run([...args, '--json']).split('\n').filter(Boolean).map((line) => JSON.parse(line));

  /** Runs a command and shows it with what it printed. Of long outputs `only` lines that match, `until` one does. */
  show(args, { only, until: last, ...options } = {}) {
    const quoted = args.map((word) => (/[^\w./:-]/.test(word) ? `"${word}"` : word));
    this.say(`$ holdshort ${quoted.join(' ')}`);
    const lines = this.run(args, options).trimEnd().split('\n');
    const end = last === undefined ? -1 : lines.findIndex((line) => last.test(line));
    const shown = lines.slice(0, end < 0 ? lines.length : end).filter((line) => only === undefined || only.test(line));
    shown.forEach((line) => this.say(line.trimEnd()));
    return shown.join('\n');
  }

  /** The agent's client: one connection to the gateway, or a wrapper for each server. */
  async agent(asked, { wrapped = false } = {}) {
    const agent = new Agent(this, asked);
    this.ending.push(() => agent.close());
    await (wrapped ? agent.wrap(this.servers) : agent.connect());
    return agent;
  }

  /** Fails with what was expected, unless it is so. */
  check(what, holds) {
    if (!holds) throw new Error(`${what}: it is not so`);
  }

  async end() {
    for (const one of this.ending.reverse()) await one();
    this.ending = [];
  }
  /** Everything that it wrote, unless somebody named the place. */
  remove() {
    if (this.temporary) rmSync(this.place, { recursive: true, force: true });
  }
}

/** Waits until `look` gives something. */
export async function until(what, look, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in ${ms} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
