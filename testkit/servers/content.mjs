// What the fixture servers of both eras offer: the tools, resources and prompts that the conformance suites ask
// for by name, as plain data and functions. The era's own part (how a tool asks its client something) is elsewhere.

/** A PNG of one red pixel. */
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';
/** A WAV file without samples. */
export const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';

export const text = (value) => ({ content: [{ type: 'text', text: value }] });
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const NO_ARGUMENTS = { type: 'object', properties: {} };
const requiring = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });

/** Form schemas that elicitation tools of both eras ask with. */
export const FORMS = {
  name: requiring({ name: { type: 'string' } }),
  contact: requiring({
    username: { type: 'string', description: "User's response" },
    email: { type: 'string', description: "User's email address" },
  }),
  defaults: {
    type: 'object',
    properties: {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    },
  },
  enums: {
    type: 'object',
    properties: {
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: {
        type: 'string',
        oneOf: [
          { const: 'value1', title: 'First Option' },
          { const: 'value2', title: 'Second Option' },
          { const: 'value3', title: 'Third Option' },
        ],
      },
      legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: {
        type: 'array',
        items: {
          anyOf: [
            { const: 'value1', title: 'First Choice' },
            { const: 'value2', title: 'Second Choice' },
            { const: 'value3', title: 'Third Choice' },
          ],
        },
      },
    },
  },
};

const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

const tool = (name, description, call, inputSchema = NO_ARGUMENTS, more = {}) => ({ name, description, inputSchema, call, ...more });

/** Tools that both eras have. `io` is { log(level, data), progress(done, total, message), signal }. */
export const TOOLS = [
  tool('test_simple_text', 'Returns simple text', () => text('This is a simple text response for testing.')),
  tool('test_image_content', 'Returns an image', () => ({ content: [{ type: 'image', data: PIXEL, mimeType: 'image/png' }] })),
  tool('test_audio_content', 'Returns audio', () => ({ content: [{ type: 'audio', data: SILENCE, mimeType: 'audio/wav' }] })),
  tool('test_embedded_resource', 'Returns an embedded resource', () => ({
    content: [
      {
        type: 'resource',
        resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' },
      },
    ],
  })),
  tool('test_multiple_content_types', 'Returns text, an image and a resource', () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: PIXEL, mimeType: 'image/png' },
      {
        type: 'resource',
        resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' },
      },
    ],
  })),
  tool('test_tool_with_logging', 'Sends three log messages while it runs', async (_args, io) => {
    await io.log('info', 'Tool execution started');
    await pause(50);
    await io.log('info', 'Tool processing data');
    await pause(50);
    await io.log('info', 'Tool execution completed');
    return text('Tool with logging executed successfully');
  }),
  tool('test_error_handling', 'Always reports an error', () => ({
    ...text('This tool intentionally returns an error for testing'),
    isError: true,
  })),
  tool('test_tool_with_progress', 'Reports progress while it runs', async (_args, io) => {
    for (const done of [0, 50, 100]) {
      await io.progress(done, 100, `Completed step ${done} of 100`);
      // Also after the last step: an SDK may drop progress that it reads together with the result.
      await pause(50);
    }
    return text('Tool with progress executed successfully');
  }),
  tool('json_schema_2020_12_tool', 'Tool with JSON Schema 2020-12 features', (args) => text(`called with ${JSON.stringify(args)}`), SCHEMA_2020_12),
  // Ours, for comparing a gateway with the direct way.
  tool('echo_arguments', 'Returns its arguments as structured content', (args) => ({ ...text(JSON.stringify(args)), structuredContent: args }), {
    type: 'object',
    additionalProperties: true,
  }),
  tool('big_result', 'Returns a text of so many bytes', ({ bytes }) => text('x'.repeat(Math.min(bytes, 64 * 1024 * 1024))), requiring({ bytes: { type: 'integer' } })),
  tool(
    'wait_until_cancelled',
    'Waits for a cancellation, at most so many milliseconds',
    ({ ms }, io) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(text('not cancelled')), ms);
        io.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          process.stderr.write('wait_until_cancelled: cancelled\n');
          resolve(text('cancelled'));
        });
      }),
    requiring({ ms: { type: 'integer' } }),
  ),
];

export const RESOURCES = [
  { uri: 'test://static-text', name: 'Static text', description: 'A text resource', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'Static binary', description: 'An image resource', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'Watched', description: 'A resource to subscribe to', mimeType: 'text/plain' },
];

export const TEMPLATE = {
  uriTemplate: 'test://template/{id}/data',
  name: 'Template',
  description: 'Data for an id',
  mimeType: 'application/json',
};

/** Contents of a resource, or undefined when there is none with this URI. */
export function readResource(uri) {
  if (uri === 'test://static-text') return [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }];
  if (uri === 'test://static-binary') return [{ uri, mimeType: 'image/png', blob: PIXEL }];
  if (uri === 'test://watched-resource') return [{ uri, mimeType: 'text/plain', text: 'Watched resource content.' }];
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) return undefined;
  return [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }];
}

const user = (content) => ({ role: 'user', content });
const said = (value) => user({ type: 'text', text: value });

export const PROMPTS = [
  { name: 'test_simple_prompt', description: 'A prompt without arguments', get: () => [said('This is a simple prompt for testing.')] },
  {
    name: 'test_prompt_with_arguments',
    description: 'A prompt with two arguments',
    arguments: [
      { name: 'arg1', description: 'First test argument', required: true },
      { name: 'arg2', description: 'Second test argument', required: true },
    ],
    get: ({ arg1, arg2 }) => [said(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'A prompt with an embedded resource',
    arguments: [{ name: 'resourceUri', description: 'URI of the resource to embed', required: true }],
    get: ({ resourceUri }) => [
      user({ type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } }),
      said('Please process the embedded resource above.'),
    ],
  },
  {
    name: 'test_prompt_with_image',
    description: 'A prompt with an image',
    get: () => [user({ type: 'image', data: PIXEL, mimeType: 'image/png' }), said('Please analyze the image above.')],
  },
];

/** Suggestions for an argument that begins with `value`. */
export function complete(value) {
  const values = ['paris', 'park', 'party'].filter((word) => word.startsWith(value));
  return { completion: { values, total: values.length, hasMore: false } };
}
