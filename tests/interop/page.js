// Pages of spec/ whose samples are tried as they stand there. A sample is a fenced block; one that is a
// file has its name after the language. Commands are the lines of `console` blocks that begin with `$ `.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

export class Page {
  /** The page of this name below spec/, with what it says in place of the names of a test. */
  static async read(name, names = {}) {
    const page = new Page();
    const text = await readFile(new URL(`../../spec/${name}`, import.meta.url), 'utf8');
    for (const sample of Object.keys(names)) assert.ok(text.includes(sample), `${name} does not name ${sample}`);
    const blocks = [...text.matchAll(/^( *)```(\S+)(?: (\S+))?\n(.*?)^ *```$/gms)]
      .map(([, indent, language, file, body]) => ({ language, file, body: body.replace(new RegExp(`^${indent}`, 'gm'), '') }));
    Object.assign(page, { name, names, blocks });
    return page;
  }

  /** What the page says, where a sample name stands for one of the test. */
  fill(text) {
    // Longer names first: one may begin with another.
    const samples = Object.keys(this.names).sort((a, b) => b.length - a.length);
    return samples.reduce((filled, sample) => filled.replaceAll(sample, this.names[sample]), text);
  }

  /** The one sample that is this file. */
  file(name) {
    const found = this.blocks.filter((block) => block.file === name);
    assert.equal(found.length, 1, `${this.name}: samples called ${name}`);
    return this.fill(found[0].body);
  }

  /** The arguments of the commands that begin so. */
  commands(...start) {
    const shown = this.blocks.filter((block) => block.language === 'console').map((block) => this.fill(block.body)).join('');
    const found = [...shown.replaceAll('\\\n', ' ').matchAll(/^\$ (.*)$/gm)].map(([, line]) => words(line))
      .filter((command) => start.every((word, at) => command[at] === word));
    assert.ok(found.length > 0, `${this.name}: no command ${start.join(' ')}`);
    return found;
  }

  /** Runs the operator's commands in their order; gives the client that was added first. */
  async register(stage) {
    return Object.values(await this.registerAll(stage)).find((answer) => answer.client_id);
  }

  /** Runs the operator's commands as above; gives what each made, by its id. */
  async registerAll(stage) {
    const made = {};
    for (const [, ...args] of this.commands('sekisho')) {
      const answer = await stage.sekisho(...args);
      made[answer.client_id ?? answer.id] = answer;
    }
    return made;
  }
}

/** A line as a shell splits it: words, some of them in quotes. */
function words(line) {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)]
    .map(([word]) => word.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double));
}
