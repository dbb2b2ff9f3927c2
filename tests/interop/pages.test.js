// Each page of spec/integrations/ is tried by a test of heavy/ that reads it, and is found from the list;
// what these pages and connect.md link to is there.

import assert from 'node:assert/strict';
import { access, readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';

const spec = new URL('../../spec/', import.meta.url);
const heavy = new URL('heavy/', import.meta.url);

test('each page has a test that reads it, and each test a page', async () => {
  const files = (await readdir(heavy)).filter((file) => file.endsWith('.test.js'));
  const read = await Promise.all(files.map(async (file) => {
    const [, page] = (await readFile(new URL(file, heavy), 'utf8')).match(/'integrations\/([\w-]+\.md)'/);
    assert.match(await readFile(new URL(`integrations/${page}`, spec), 'utf8'), new RegExp(`tests/interop/heavy/${file}`));
    return page;
  }));
  const pages = (await readdir(new URL('integrations/', spec))).filter((page) => page !== 'README.md');
  assert.deepEqual(read.toSorted(), pages.toSorted());
  const list = await readFile(new URL('integrations/README.md', spec), 'utf8');
  for (const page of pages) assert.ok(list.includes(`](${page})`), page);
});

test('links lead somewhere', async () => {
  const pages = (await readdir(new URL('integrations/', spec))).map((page) => `integrations/${page}`);
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
