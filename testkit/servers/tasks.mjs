// The tasks extension (io.modelcontextprotocol/tasks) by hand: the SDK has no server side of it.
import { randomUUID } from 'node:crypto';
import { MissingRequiredClientCapabilityError, ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import { fromJsonSchema } from '@modelcontextprotocol/server';
import { FORMS, text } from './content.mjs';

export const TASKS = 'io.modelcontextprotocol/tasks';
const TTL_MS = 60_000;
const TASKS_MAX = 1_000;
const confirmForm = { type: 'object', properties: { confirm: { type: 'boolean' } }, required: ['confirm'] };

const tasks = new Map();
const declared = (capabilities) => capabilities?.extensions?.[TASKS] !== undefined;
const lacking = () => new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS]: {} } } });

/** Starts `work(task)`; its value becomes the result, its rejection the error of the task. */
function start(work) {
  const now = new Date().toISOString();
  const stop = new AbortController();
  const task = { id: randomUUID(), status: 'working', createdAt: now, lastUpdatedAt: now, stop, requests: {}, waiting: new Map() };
  if (tasks.size >= TASKS_MAX) tasks.delete(tasks.keys().next().value);
  tasks.set(task.id, task);
  work(task).then(
    (result) => settle(task, 'completed', { result }),
    (error) => settle(task, 'failed', { error: { code: -32603, message: String(error.message) } }),
  );
  return { resultType: 'task', ...head(task) };
}

function settle(task, status, outcome = {}) {
  if (['completed', 'failed', 'cancelled'].includes(task.status)) return;
  Object.assign(task, { status, outcome, requests: {}, lastUpdatedAt: new Date().toISOString() });
}

const head = (task) => ({
  taskId: task.id,
  status: task.status,
  createdAt: task.createdAt,
  lastUpdatedAt: task.lastUpdatedAt,
  ttlMs: TTL_MS,
  pollIntervalMs: 100,
});

/** Parks the task until its client has answered this request with tasks/update. */
function ask(task, request) {
  const key = `input-${randomUUID()}`;
  task.requests[key] = request;
  task.status = 'input_required';
  return new Promise((resolve) => task.waiting.set(key, resolve));
}

const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

const elicit = (message, requestedSchema) => ({ method: 'elicitation/create', params: { message, requestedSchema } });
const properties = (entries) => ({ type: 'object', properties: entries });

export const TASK_TOOLS = [
  {
    name: 'greet',
    description: 'Greets at once, never as a task',
    inputSchema: properties({ name: { type: 'string' } }),
    call: ({ name }) => text(`Hello, ${name}!`),
  },
  {
    name: 'slow_compute',
    description: 'Takes so many seconds, as a task where the client can have one',
    inputSchema: properties({ seconds: { type: 'number' }, label: { type: 'string' } }),
    async call({ seconds = 0, label = '' }, io) {
      const done = text(`computed ${label} in ${seconds} s`);
      if (!declared(io.capabilities)) {
        await sleep(seconds * 1000, io.signal);
        return done;
      }
      return start(async (task) => {
        await sleep(seconds * 1000, task.stop.signal);
        return done;
      });
    },
  },
  {
    name: 'failing_job',
    description: 'A task whose tool reports an error',
    inputSchema: properties({}),
    call(_args, io) {
      if (!declared(io.capabilities)) throw lacking();
      return start(async (task) => {
        await sleep(100, task.stop.signal);
        return { ...text('the job failed'), isError: true };
      });
    },
  },
  {
    name: 'protocol_error_job',
    description: 'A task that ends in a protocol error',
    inputSchema: properties({}),
    call(_args, io) {
      if (!declared(io.capabilities)) throw lacking();
      return start(async (task) => {
        await sleep(100, task.stop.signal);
        throw new Error('the job crashed');
      });
    },
  },
  {
    name: 'confirm_delete',
    description: 'A task that asks before it deletes',
    inputSchema: properties({ filename: { type: 'string' } }),
    call({ filename }, io) {
      if (!declared(io.capabilities)) throw lacking();
      return start(async (task) => {
        const answer = await ask(task, elicit(`Delete ${filename}?`, confirmForm));
        return text(answer.content?.confirm === true ? `deleted ${filename}` : `kept ${filename}`);
      });
    },
  },
  {
    name: 'multi_input',
    description: 'A task that asks two things at once',
    inputSchema: properties({}),
    call(_args, io) {
      if (!declared(io.capabilities)) throw lacking();
      return start(async (task) => {
        const answers = await Promise.all(['first', 'second'].map((which) => ask(task, elicit(`The ${which} name?`, FORMS.name))));
        return text(answers.map((answer) => answer.content?.name).join(' and '));
      });
    },
  },
  {
    name: 'test_tool_with_task',
    description: 'Asks first and then becomes a task',
    inputSchema: properties({}),
    call(_args, io) {
      if (!declared(io.capabilities)) throw lacking();
      const name = io.responses.user_name?.content?.name;
      if (name === undefined) return io.ask({ user_name: io.elicit('What is your name?', FORMS.name) });
      return start(async (task) => {
        await sleep(100, task.stop.signal);
        return text(`Hello, ${name}!`);
      });
    },
  },
];

function find(taskId) {
  const task = tasks.get(taskId);
  if (task === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown task: ${taskId}`);
  return task;
}

const PARAMS = fromJsonSchema({
  type: 'object',
  properties: { taskId: { type: 'string' }, inputResponses: { type: 'object' } },
  required: ['taskId'],
});

/** Registers tasks/get, tasks/update and tasks/cancel, for clients that declare the extension. */
export function registerTasks(server) {
  const on = (method, handle) =>
    server.setRequestHandler(method, { params: PARAMS }, (params, { mcpReq }) => {
      if (!declared(mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'])) throw lacking();
      return { resultType: 'complete', ...handle(find(params.taskId), mcpReq.inputResponses ?? params.inputResponses ?? {}) };
    });
  on('tasks/get', (task) => ({
    ...head(task),
    ...(task.status === 'input_required' ? { inputRequests: task.requests } : {}),
    ...task.outcome,
  }));
  on('tasks/update', (task, responses) => {
    for (const [key, response] of Object.entries(responses)) {
      if (!task.waiting.has(key)) continue;
      task.waiting.get(key)(response);
      task.waiting.delete(key);
      delete task.requests[key];
    }
    if (task.status === 'input_required' && task.waiting.size === 0) task.status = 'working';
    return {};
  });
  on('tasks/cancel', (task) => {
    settle(task, 'cancelled');
    task.stop.abort();
    return {};
  });
}
