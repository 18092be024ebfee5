#!/usr/bin/env node
// A scripted MCP client on the official TypeScript SDKs. What it saw goes to stdout as JSON, so that a run through the
// gateway can be compared with a direct one.
//
//   client.mjs --sdk v1|v2 [--era auto|legacy|2026-07-28] [--token T] --script FILE|JSON --url URL
//   client.mjs --sdk v1|v2 [...]                                       --script FILE|JSON --command PROGRAM ARG...
//
// The script is a JSON array of operations (testkit/scripts/README.md). client.py takes the same scripts.
import { readFileSync } from 'node:fs';
import { connect } from './client/connect.mjs';
import { perform } from './client/operations.mjs';

function options(argv) {
  const found = { sdk: 'v2', era: 'auto', script: '[]' };
  for (let at = 0; at < argv.length; at += 1) {
    if (argv[at] === '--command') return { ...found, command: argv.slice(at + 1) };
    found[argv[at].replace(/^--/, '')] = argv[++at];
  }
  return found;
}

const wants = options(process.argv.slice(2));
const script = JSON.parse(wants.script.startsWith('[') ? wants.script : readFileSync(wants.script, 'utf8'));
const seen = { asked: [], notifications: [] };
const report = { client: `typescript-${wants.sdk}` };
let session;
try {
  session = await connect(wants, seen);
  Object.assign(report, session.about());
  report.results = [];
  for (const operation of script) report.results.push(await perform(session, operation, seen));
} catch (error) {
  report.failed = { kind: error.constructor.name, message: error.message, code: error.code };
} finally {
  await session?.close();
}
Object.assign(report, seen);
process.stdout.write(`${JSON.stringify(report, null, 1)}\n`, () => process.exit(report.failed === undefined ? 0 : 1));
