#!/usr/bin/env node
// Runs @modelcontextprotocol/server-everything over streamable HTTP on a free port and prints the address as JSON.
// The package itself takes a fixed port from PORT and does not say which one it got for 0.
import http from 'node:http';
import { announce } from './serve.mjs';

// Only the address goes to stdout.
console.log = console.error;

const { listen } = http.Server.prototype;
http.Server.prototype.listen = function (_port, done) {
  return listen.call(this, 0, '127.0.0.1', () => {
    announce(this);
    done?.call(this);
  });
};
if (process.argv.includes('--exit-with-stdin')) {
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
}
await import('@modelcontextprotocol/server-everything/dist/transports/streamableHttp.js');
