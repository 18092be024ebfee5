// The operations of a script, on a connected client of either SDK.

const OPERATIONS = {
  list: ({ client }, { what }) =>
    ({
      tools: () => client.listTools(),
      resources: () => client.listResources(),
      templates: () => client.listResourceTemplates(),
      prompts: () => client.listPrompts(),
    })[what](),
  call: ({ callTool }, { name, arguments: args = {}, progress }, _seen, options) =>
    callTool({ name, arguments: args }, { ...options, ...(progress && { onprogress: (step) => void progress.push(step) }) }),
  read: ({ client }, { uri }) => client.readResource({ uri }),
  prompt: ({ client }, { name, arguments: args }) => client.getPrompt({ name, arguments: args }),
  complete: ({ client }, { ref, argument }) => client.complete({ ref, argument }),
  ping: ({ client }) => client.ping(),
  level: ({ client }, { level }) => client.setLoggingLevel(level),
  subscribe: ({ client }, { uri }) => client.subscribeResource({ uri }),
  unsubscribe: ({ client }, { uri }) => client.unsubscribeResource({ uri }),
  raw: ({ raw }, { method, params }) => raw({ method, params }),
  /** Opens subscriptions/listen for the operations in `during`, then waits for `count` notifications. */
  async listen(session, { filter, during = [], count = 1 }, seen) {
    const before = seen.notifications.length;
    const subscription = await session.client.listen(filter);
    const results = [];
    for (const operation of during) results.push(await perform(session, operation, seen));
    await until(() => seen.notifications.length >= before + count);
    await subscription.close();
    return { honored: subscription.honoredFilter, during: results, notifications: seen.notifications.slice(before) };
  },
  /** Waits until `count` notifications of this method have come. */
  async notified(_session, { method, count = 1 }, seen) {
    const of = () => seen.notifications.filter((notification) => notification.method === method);
    await until(() => of().length >= count);
    return { notifications: of() };
  },
  /** Calls a tool and cancels after so many milliseconds. */
  cancel: ({ callTool }, { name, arguments: args = {}, after_ms }) => callTool({ name, arguments: args }, { signal: AbortSignal.timeout(after_ms) }),
  /** All at once, `times` times; their results in order. */
  async concurrent(session, { operations, times = 1 }, seen) {
    const all = Array.from({ length: times }, () => operations).flat();
    return { results: await Promise.all(all.map((operation) => perform(session, operation, seen))) };
  },
};

/** Bounded waiting for something that another message brings about. */
async function until(done, ms = 5_000) {
  const end = Date.now() + ms;
  while (!done()) {
    if (Date.now() > end) throw new Error(`nothing came in ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Performs one operation: { op, result } or { op, error }. */
export async function perform(session, operation, seen) {
  const { op, timeout_ms, ...wants } = operation;
  const label = [op, wants.what ?? wants.name ?? wants.uri ?? wants.method].filter(Boolean).join(' ');
  const steps = [];
  if (wants.progress) wants.progress = steps;
  try {
    const result = await OPERATIONS[op](session, wants, seen, timeout_ms === undefined ? {} : { timeout: timeout_ms });
    return { op: label, result, ...(wants.progress && { progress: steps }) };
  } catch (error) {
    return { op: label, error: { kind: error.constructor.name, code: error.code, message: error.message, data: error.data } };
  }
}
