// Puts what was told into a document, between `<!-- told: NAME MODE -->` and `<!-- /told -->`.
import { readFileSync, writeFileSync } from 'node:fs';

/** Longest line; the rest of it is left out, and says so. */
const LINE_MAX = 170;
const cut = (line) => (line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)} [...]` : line);

export function document(file, told) {
  let text = readFileSync(file, 'utf8');
  for (const [name, lines] of Object.entries(told)) {
    const block = new RegExp(`(<!-- told: ${name} -->\n)[^]*?(<!-- /told -->)`);
    if (!block.test(text)) throw new Error(`${file} has no place for ${name}`);
    text = text.replace(block, (_, before, after) => `${before}\`\`\`text\n${lines.trim().split('\n').map(cut).join('\n')}\n\`\`\`\n${after}`);
  }
  writeFileSync(file, text);
}
