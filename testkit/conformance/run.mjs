#!/usr/bin/env node
// Runs the public conformance suites against a server, direct or through the gateway, and compares two runs.
//
//   run.mjs --suite SUITE --url URL [--token TOKEN] [--out FILE] [--expect FILE] [--scenario A,B] [--jobs N]
//   run.mjs --suite SUITE [...] --command PROGRAM ARG...   starts PROGRAM, which prints {"url": ...} on stdout
//   run.mjs compare EXPECTED ACTUAL                        exits 1 when something that EXPECTED passes does not pass
//
// SUITE: session       @modelcontextprotocol/conformance 0.1.16, every scenario
//        session-next  0.2.0-alpha.12 at 2025-11-25: the same era, with every message checked against the schema
//        stateless     0.2.0-alpha.12 at 2026-07-28, and the tasks extension
//
// The result is a JSON object on stdout (or in --out FILE). --expect FILE compares with an earlier result.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare, print } from './compare.mjs';
import { node22, run, startAnnounced } from './process.mjs';
import { withHeader } from './front.mjs';

/** A scenario that takes longer has failed; the slowest passes in about 6 s. */
const SCENARIO_MS_MAX = 40_000;

const SUITES = {
  session: { pkg: 'conformance-session', takes: () => true, args: [] },
  'session-next': { pkg: 'conformance-stateless', takes: (tags) => tags.includes('2025-11-25'), args: ['--spec-version', '2025-11-25'] },
  stateless: {
    pkg: 'conformance-stateless',
    takes: (tags, name) => tags.includes('2026-07-28') || name.startsWith('tasks-'),
    args: [],
    argsOf: (tags) => (tags.includes('extension') ? [] : ['--spec-version', '2026-07-28']),
  },
};

const program = (pkg) => new URL(`../node_modules/${pkg}/dist/index.js`, import.meta.url).pathname;

/** Names and tags of the suite's scenarios for servers, from the tool itself. */
async function scenariosOf({ pkg, takes }) {
  const { stdout } = await run(node22(), [program(pkg), 'list'], { timeoutMs: SCENARIO_MS_MAX });
  const servers = stdout.split('Client scenarios')[0];
  return [...servers.matchAll(/^ *- (\S+) \[([^\]]*)\]/gm)]
    .map(([, name, tags]) => ({ name, tags: tags.split(',') }))
    .filter(({ name, tags }) => takes(tags, name));
}

/** SUCCESS only when each check of that id succeeded. */
const RANK = ['SUCCESS', 'INFO', 'SKIPPED', 'WARNING', 'FAILURE'];
const worse = (a, b) => (a === undefined || RANK.indexOf(b) > RANK.indexOf(a) ? b : a);

/** The checks that the suite has written; none when a scenario broke off. */
function checksIn(dir) {
  const file = readdirSync(dir, { recursive: true }).find((name) => name.endsWith('checks.json'));
  return file === undefined ? [] : JSON.parse(readFileSync(join(dir, file), 'utf8'));
}

async function runScenario(suite, { name, tags }, url) {
  const dir = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const args = [program(suite.pkg), 'server', '--url', url, '--scenario', name, '-o', dir, ...suite.args, ...(suite.argsOf?.(tags) ?? [])];
    const { code, stderr } = await run(node22(), args, { timeoutMs: SCENARIO_MS_MAX });
    const results = checksIn(dir);
    const checks = {};
    const failures = [];
    const count = { passed: 0, failed: 0, warned: 0 };
    for (const { id, status, errorMessage } of results) {
      checks[id] = worse(checks[id], status);
      if (status === 'SUCCESS') count.passed += 1;
      if (status === 'FAILURE') count.failed += 1;
      if (status === 'WARNING') count.warned += 1;
      if (status === 'FAILURE' || status === 'WARNING') failures.push(`${id}: ${errorMessage}`);
    }
    if (code !== 0 && count.failed === 0) failures.push(code === null ? 'timed out' : `exit code ${code}: ${stderr.slice(-300)}`);
    return { name, pass: code === 0 && count.failed === 0 && count.passed > 0, ...count, checks, failures };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function options(argv) {
  const found = { jobs: '2', command: [] };
  for (let at = 0; at < argv.length; at += 1) {
    if (argv[at] === '--command') return { ...found, command: argv.slice(at + 1) };
    if (!argv[at].startsWith('--')) throw new Error(`unexpected argument ${argv[at]}`);
    found[argv[at].slice(2)] = argv[++at];
  }
  return found;
}

async function main(argv) {
  const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
  if (argv[0] === 'compare') return print(compare(read(argv[1]), read(argv[2])));

  const wants = options(argv);
  const suite = SUITES[wants.suite];
  if (suite === undefined) throw new Error(`--suite is one of ${Object.keys(SUITES).join(', ')}`);
  const closing = [];
  try {
    let { url } = wants;
    if (wants.command.length > 0) {
      const started = await startAnnounced(wants.command);
      closing.push(started.stop);
      url = started.url;
    }
    if (url === undefined) throw new Error('say --url URL or --command PROGRAM');
    if (wants.token !== undefined) {
      const front = await withHeader(url, 'authorization', `Bearer ${wants.token}`);
      closing.push(front.stop);
      url = front.url;
    }
    const only = wants.scenario?.split(',');
    const waiting = (await scenariosOf(suite)).filter(({ name }) => only === undefined || only.includes(name));
    const order = waiting.map(({ name }) => name);
    const scenarios = [];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) scenarios.push(await runScenario(suite, next, url));
    };
    await Promise.all(Array.from({ length: Number(wants.jobs) }, work));
    scenarios.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    const passing = scenarios.filter(({ pass }) => pass).length;
    const result = { suite: wants.suite, passing, scenarios };
    const json = `${JSON.stringify(result, null, 1)}\n`;
    if (wants.out === undefined) process.stdout.write(json);
    else writeFileSync(wants.out, json);
    process.stderr.write(`${wants.suite}: ${passing} of ${scenarios.length} scenarios pass\n`);
    if (wants.expect === undefined) return 0;
    const expected = read(wants.expect);
    if (only !== undefined) expected.scenarios = expected.scenarios.filter(({ name }) => only.includes(name));
    return print(compare(expected, result));
  } finally {
    for (const stop of closing.reverse()) await stop();
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`conformance: ${error.message}\n`);
    process.exit(2);
  },
);
