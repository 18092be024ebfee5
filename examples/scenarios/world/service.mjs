// A deployed shop: says how many orders lie in its volume. Ends with its standard input, so that it outlives nobody.
//   service.mjs VOLUME
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

const orders = join(process.argv[2], 'orders.csv');
const server = http.createServer((_request, response) => {
  const lines = existsSync(orders) ? readFileSync(orders, 'utf8').trim().split('\n').length : 0;
  response.end(`${lines} orders\n`);
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
process.stdin.resume().on('end', () => process.exit(0));
