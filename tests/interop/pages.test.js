// Each page of spec/integrations/ is tried by a test that reads it, and is found from the list;
// what these pages and connect.md link to is there.

import assert from 'node:assert/strict';
import { access, readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';

const spec = new URL('../../spec/', import.meta.url);
const here = new URL('.', import.meta.url);

test('each page has a test that reads it, and stands in the list', async () => {
  const read = new Map();
  for (const folder of [here, new URL('heavy/', here)]) {
    for (const file of (await readdir(folder)).filter((name) => name.endsWith('.test.js') && name !== 'pages.test.js')) {
      const text = await readFile(new URL(file, folder), 'utf8');
      for (const [, page] of text.matchAll(/'(?:integrations\/)?([\w-]+\.md)'/g)) read.set(page, file);
    }
  }
  const list = await readFile(new URL('integrations/README.md', spec), 'utf8');
  for (const page of (await readdir(new URL('integrations/', spec))).filter((name) => name.endsWith('.md') && name !== 'README.md')) {
    // What the proxies have in common is read by nobody: forward.js is that in code.
    if (page !== 'forward-auth.md') assert.ok(read.has(page), `${page} is tried by no test`);
    assert.ok(list.includes(`](${page})`), `${page} is not in the list`);
  }
});

test('links lead somewhere', async () => {
  const pages = (await readdir(new URL('integrations/', spec))).filter((page) => page.endsWith('.md')).map((page) => `integrations/${page}`);
  for (const page of ['connect.md', ...pages]) {
    const at = new URL(page, spec);
    const text = await readFile(at, 'utf8');
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)]
      .map(([, title]) => title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
    for (const [, link] of text.matchAll(/\]\((?!https?:)([^)]*)\)/g)) {
      if (link.startsWith('#')) assert.ok(anchors.includes(link.slice(1)), `${page}: ${link}`);
      else await access(new URL(link, at));
    }
  }
});
