// Child processes, bounded in time and ended by their own id.
import { spawn } from 'node:child_process';
import { accessSync } from 'node:fs';

/** How long a server may take until it has said its address. */
const ANNOUNCE_MS_MAX = 30_000;

/** Path of the Node 22 that testkit/install fetched (the suites need it), or this Node when it is new enough. */
export function node22() {
  const installed = new URL(`../node_modules/node-${process.platform}-${process.arch}/bin/node`, import.meta.url).pathname;
  try {
    accessSync(installed);
    return installed;
  } catch {
    if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
    throw new Error('no Node 22 for this machine; run testkit/install, or put Node 22 on PATH');
  }
}

/** Runs a program to its end; `code` is null when it was ended after `timeoutMs`. */
export function run(program, args, { timeoutMs }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.stdout.on('data', (chunk) => (out.stdout += chunk));
    child.stderr.on('data', (chunk) => (out.stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...out });
    });
  });
}

/** Starts a server that prints a line of JSON with its `url`; `stop` ends it and waits for its end. */
export function startAnnounced([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((done) => child.on('close', done));
    const stop = async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${program} did not print its address in ${ANNOUNCE_MS_MAX} ms`));
    }, ANNOUNCE_MS_MAX);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const line = text.split('\n').find((candidate) => candidate.startsWith('{') && candidate.endsWith('}'));
      if (line === undefined) return;
      clearTimeout(timer);
      resolve({ url: JSON.parse(line).url, pid: child.pid, stop });
    });
    child.on('error', reject);
    ended.then((code) => reject(new Error(`${program} ended with ${code} before it printed its address`)));
  });
}
