// Tools and a prompt that ask their client with an `input_required` result (multi round-trip requests, 2026-07-28).
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import { FORMS, text } from './content.mjs';

const KEY = randomBytes(32);
const tag = (body) => createHmac('sha256', KEY).update(body).digest('base64url');

/** State that its reader can trust: only this process can have made it. */
function seal(state) {
  const body = Buffer.from(JSON.stringify(state)).toString('base64url');
  return `${body}.${tag(body)}`;
}

function unseal(sealed) {
  const [body, mac] = String(sealed).split('.');
  const expected = Buffer.from(tag(body));
  const given = Buffer.from(mac ?? '');
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'requestState failed its integrity check');
  }
  return JSON.parse(Buffer.from(body, 'base64url').toString());
}

const confirmForm = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };
const sample = (question, maxTokens) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: question } }], maxTokens },
});
const ROOTS = { method: 'roots/list', params: {} };
const said = (response) => response?.content?.text ?? JSON.stringify(response?.content);
const accepted = (response) => (response?.action === 'accept' ? response.content : undefined);

const inputTool = (name, description, call) => ({
  name: `test_input_required_result_${name}`,
  description,
  inputSchema: { type: 'object', properties: {} },
  call,
});

export const INPUT_TOOLS = [
  inputTool('elicitation', "Asks for the user's name", (_args, io) => {
    const name = accepted(io.responses.user_name)?.name;
    if (typeof name === 'string') return text(`Hello, ${name}!`);
    return io.ask({ user_name: io.elicit('What is your name?', FORMS.name) });
  }),
  inputTool('sampling', 'Asks the model of the client', (_args, io) => {
    const answer = io.responses.capital_question;
    if (answer !== undefined) return text(`The model said: ${said(answer)}`);
    return io.ask({ capital_question: sample('What is the capital of France?', 100) });
  }),
  inputTool('list_roots', "Asks for the client's roots", (_args, io) => {
    const roots = io.responses.client_roots?.roots;
    if (Array.isArray(roots)) return text(`Roots: ${roots.map((root) => root.uri).join(', ')}`);
    return io.ask({ client_roots: ROOTS });
  }),
  inputTool('request_state', 'Asks to confirm and checks its own state', (_args, io) => {
    const confirm = accepted(io.responses.confirm);
    if (confirm !== undefined && unseal(io.state).step === 'confirm') return text('state-ok: confirmed');
    return io.ask({ confirm: io.elicit('Please confirm', confirmForm) }, seal({ step: 'confirm' }));
  }),
  inputTool('tampered_state', 'Refuses a changed state', (_args, io) => {
    if (io.state !== undefined) {
      unseal(io.state);
      return text('state-ok: untouched');
    }
    return io.ask({ confirm: io.elicit('Please confirm', confirmForm) }, seal({ step: 'confirm' }));
  }),
  inputTool('multiple_inputs', 'Asks three things at once', (_args, io) => {
    const { user_name, greeting, client_roots } = io.responses;
    if (user_name !== undefined && greeting !== undefined && client_roots !== undefined) {
      unseal(io.state);
      return text(`${said(greeting)} ${accepted(user_name)?.name} (${client_roots.roots?.length} roots)`);
    }
    const asked = {
      user_name: io.elicit('What is your name?', FORMS.name),
      greeting: sample('Generate a greeting', 50),
      client_roots: ROOTS,
    };
    return io.ask(asked, seal({ step: 'all' }));
  }),
  inputTool('multi_round', 'Asks in two rounds', (_args, io) => {
    const known = io.state === undefined ? {} : unseal(io.state);
    if (known.name !== undefined && accepted(io.responses.step2) !== undefined) {
      return text(`${known.name} likes ${accepted(io.responses.step2).color}`);
    }
    const name = accepted(io.responses.step1)?.name;
    if (known.step === 1 && name !== undefined) {
      const form = { type: 'object', properties: { color: { type: 'string' } }, required: ['color'] };
      return io.ask({ step2: io.elicit('Step 2: What is your favorite color?', form) }, seal({ step: 2, name }));
    }
    return io.ask({ step1: io.elicit('Step 1: What is your name?', FORMS.name) }, seal({ step: 1 }));
  }),
  inputTool('capabilities', 'Asks only what the client can answer', (_args, io) => {
    const asked = {};
    if (io.capabilities.elicitation !== undefined) asked.user_name = io.elicit('What is your name?', FORMS.name);
    if (io.capabilities.sampling !== undefined) asked.greeting = sample('Generate a greeting', 50);
    if (io.capabilities.roots !== undefined) asked.client_roots = ROOTS;
    const open = Object.keys(asked).filter((key) => io.responses[key] === undefined);
    if (open.length === 0) return text('Nothing is left to ask');
    return io.ask(asked);
  }),
];

export const INPUT_PROMPT = {
  name: 'test_input_required_result_prompt',
  description: 'A prompt that asks for its context',
  ask(io) {
    const context = accepted(io.responses.user_context)?.context;
    if (context !== undefined) return { messages: [{ role: 'user', content: { type: 'text', text: `Context: ${context}` } }] };
    const form = { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] };
    return io.ask({ user_context: io.elicit('What context should the prompt use?', form) });
  },
};
