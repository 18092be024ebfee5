// The ways in which misbehave.mjs answers badly. Each takes the right answer and says what goes over the wire instead.
import { gzipSync } from 'node:zlib';

const BYTES_DEFAULT = 20 * 1024 * 1024;
const json = JSON.stringify;
const note = (n) => json({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: `flood ${n}` } });

/** Faults of the message itself, on any transport: lists of texts (or bytes), each a message in its own frame. */
export const MESSAGE_FAULTS = {
  garbage: () => ['this is not JSON'],
  invalid_json: (answer) => [json(answer).slice(0, -5)],
  invalid_utf8: (answer) => [Buffer.concat([Buffer.from(json(answer).slice(0, -5)), Buffer.from([0xff, 0xfe]), Buffer.from('"}]}}')])],
  huge: (answer, { bytes = BYTES_DEFAULT }) => [json({ ...answer, result: { content: [{ type: 'text', text: 'x'.repeat(bytes) }] } })],
  deep: (answer, { depth = 20_000 }) => [`{"jsonrpc":"2.0","id":${json(answer.id)},"result":${'['.repeat(depth)}${']'.repeat(depth)}}`],
  wrong_id: (answer) => [json({ ...answer, id: 987_654_321 })],
  string_id: (answer) => [json({ ...answer, id: String(answer.id) })],
  null_id: (answer) => [json({ ...answer, id: null })],
  duplicate: (answer) => [json(answer), json({ ...answer, result: { content: [{ type: 'text', text: 'second answer' }] } })],
  duplicate_keys: (answer) => [json(answer).replace(/\}$/, ',"result":{"content":[{"type":"text","text":"last key"}]}}')],
  batch: (answer) => [json([answer])],
  both: (answer) => [json({ ...answer, error: { code: -32000, message: 'and an error' } })],
  neither: ({ id }) => [json({ jsonrpc: '2.0', id })],
  no_jsonrpc: ({ id, result }) => [json({ id, result })],
  unasked_request: (answer) => [
    json({ jsonrpc: '2.0', id: 'unasked', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }),
    json(answer),
  ],
  unknown_notification: (answer) => [json({ jsonrpc: '2.0', method: 'notifications/unheard_of', params: { x: 1 } }), json(answer)],
  flood: (answer, { lines = 100_000 }) => [...Array.from({ length: lines }, (_, n) => note(n)), json(answer)],
};

const whole = (res, status, type, body, more = {}) => {
  res.writeHead(status, { ...(type === undefined ? {} : { 'content-type': type }), ...more });
  res.end(body);
};
const event = (answer) => `event: message\ndata: ${json(answer)}\n\n`;
const stream = (res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  res.flushHeaders();
};

/** Writes `bytes` in pieces of the given size, each in a TCP segment of its own. */
async function inPieces(res, bytes, size) {
  res.socket.setNoDelay(true);
  for (let at = 0; at < bytes.length && !res.destroyed; at += size) {
    res.write(bytes.subarray(at, at + size));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const streamed = (make) => (res, answer) => {
  stream(res);
  res.end(make(answer));
};

/** Faults of the HTTP answer around a right message. */
export const HTTP_FAULTS = {
  media_upper: (res, answer) => whole(res, 200, 'Application/JSON', json(answer)),
  media_space: (res, answer) => whole(res, 200, 'application/json ;charset=utf-8', json(answer)),
  media_suffix: (res, answer) => whole(res, 200, 'application/jsonx', json(answer)),
  media_html: (res, answer) => whole(res, 200, 'text/html', json(answer)),
  media_none: (res, answer) => whole(res, 200, undefined, json(answer)),
  media_twice: (res, answer) => whole(res, 200, 'text/html, application/json', json(answer)),
  status_201: (res, answer) => whole(res, 201, 'application/json', json(answer)),
  status_202: (res, answer) => whole(res, 202, 'application/json', json(answer)),
  status_204: (res) => whole(res, 204, undefined, undefined),
  status_404: (res, answer) => whole(res, 404, 'application/json', json(answer)),
  status_500: (res) => whole(res, 500, 'text/plain', 'internal error'),
  redirect: (res) => whole(res, 307, undefined, undefined, { location: 'http://127.0.0.1:1/mcp' }),
  gzip: (res, answer) => whole(res, 200, 'application/json', gzipSync(json(answer)), { 'content-encoding': 'gzip' }),
  wrong_length: (res, answer) => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': json(answer).length + 100 });
    res.write(json(answer));
    setImmediate(() => res.socket?.destroy());
  },
  cut_off: (res, answer) => {
    stream(res);
    res.write(event(answer).slice(0, 20), () => res.socket?.destroy());
  },
  sse_split: async (res, answer) => {
    stream(res);
    await inPieces(res, Buffer.from(event(answer)), 3);
    res.end();
  },
  sse_multiline: streamed((answer) => `event: message\n${json(answer, null, 1).split('\n').map((line) => `data: ${line}\n`).join('')}\n`),
  sse_crlf: streamed((answer) => event(answer).replaceAll('\n', '\r\n')),
  sse_cr: streamed((answer) => event(answer).replaceAll('\n', '\r')),
  sse_bom: streamed((answer) => `\ufeff${event(answer)}`),
  sse_comments: streamed((answer) => `: hello\n\n: again\nretry: 10\nid: 7\n${event(answer)}`),
  sse_no_event_name: streamed((answer) => `data:${json(answer)}\n\n`),
  sse_other_event: streamed((answer) => event(answer).replace('message', 'surprise')),
  sse_no_blank_line: streamed((answer) => `event: message\ndata: ${json(answer)}\n`),
  sse_two_answers: streamed((answer) => event(answer) + event({ ...answer, result: { content: [{ type: 'text', text: 'second answer' }] } })),
  sse_without_answer: streamed(() => event(JSON.parse(note(0)))),
  sse_drip: async (res, answer) => {
    stream(res);
    await inPieces(res, Buffer.from(event(answer)), 1);
    res.end();
  },
};
