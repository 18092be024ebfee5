// Plays the scenarios. See `run`.
import { resolve } from 'node:path';
import * as crm from './incidents/crm.mjs';
import * as deployment from './incidents/deployment.mjs';
import * as inbox from './incidents/inbox.mjs';
import * as payroll from './incidents/payroll.mjs';
import * as secret from './incidents/secret.mjs';
import * as tool from './incidents/tool.mjs';
import { document } from './document.mjs';
import { Stage, here } from './stage.mjs';

const INCIDENTS = { inbox, deployment, crm, tool, secret, payroll };
const RUN_MS_MAX = 300_000;
const MODES = ['observe', 'enforce'];
const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);

/** Plays one incident in one mode; what was told. */
async function play(name, mode, place) {
  const lines = [];
  const tell = (text) => {
    lines.push(text);
    if (!process.argv.includes('--quiet')) console.log(text);
  };
  const incident = INCIDENTS[name];
  const holdshort = resolve(option('--holdshort') ?? `${here}/../../target/release/holdshort`);
  const stage = new Stage({ agent: incident.agent, mode, holdshort, place, tell });
  try {
    const more = await incident.prepare(stage);
    await stage.start(more);
    await incident[mode](stage);
    await stage.end();
    stage.say();
    stage.show(['log', 'verify']);
    return lines.join('\n');
  } catch (error) {
    throw new Error(`${name}, ${mode}: ${error.stack}\n--- told before:\n${lines.join('\n')}`);
  } finally {
    await stage.end();
    stage.remove();
  }
}

async function main() {
  const names = option('--incident') === undefined ? Object.keys(INCIDENTS) : [option('--incident')];
  const modes = option('--mode') === undefined ? MODES : [option('--mode')];
  const told = {};
  for (const name of names) {
    for (const mode of modes) {
      if (INCIDENTS[name] === undefined || !MODES.includes(mode)) throw new Error(`there is no ${name} in ${mode}`);
      console.log(`\n=== ${INCIDENTS[name].title} (${mode})`);
      told[`${name} ${mode}`] = await play(name, mode, option('--place') && resolve(option('--place')));
    }
  }
  if (option('--document') !== undefined) document(resolve(option('--document')), told);
}

// Nothing here takes so long: a run that hangs ends.
setTimeout(() => {
  console.error('scenarios: not done in time');
  process.exit(1);
}, RUN_MS_MAX).unref();

main().catch((error) => {
  console.error(`scenarios: ${error.message}`);
  process.exitCode = 1;
});
