// flaat (PyPI), unchanged, as spec/integrations/flaat.md sets it up: an API that access tokens open. Broker
// and API are under a clock that the test moves.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page } from '../page.js';
import { Clock, HOST, Native, Program, colleague, freePort, taro } from '../services.js';
import { Stage, target } from '../stage.js';

const SCOPE = 'openid profile groups offline_access';
let clock, stage, folder, api, native, url;

before(async () => {
  clock = await Clock.open();
  stage = await taro(await Stage.openUnder(clock, '--tls'));
  folder = await mkdtemp(join(tmpdir(), 'sekisho-flaat-'));
  const page = await Page.read('integrations/flaat.md', { 'https://auth.example.jp': stage.issuer });
  await page.register(stage);
  native = await Native.open(stage, 'gpu-cli');
  const port = await freePort();
  url = `http://${HOST}:${port}/jobs`;
  await writeFile(join(folder, 'flaat_api.py'), page.file('flaat_api.py').replace('3000', port));
  api = await Program.open(join(target, 'services/bin/python3'), [join(folder, 'flaat_api.py')], {
    ready: /Running on/, env: { ...clock.env, REQUESTS_CA_BUNDLE: stage.ca_file },
  });
}, { timeout: 60_000 });

after(async () => {
  await api?.close();
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** What the API answers to this token. */
async function ask(token) {
  const answer = await fetch(url, { headers: token ? { authorization: `Bearer ${token}` } : {} });
  return { status: answer.status, body: await answer.text() };
}

test('a token with the group opens the API; without it, or without a token, it is closed', { timeout: 60_000 }, async () => {
  const tokens = await native.logIn(stage, SCOPE);
  const { status, body } = await ask(tokens.access_token);
  assert.equal(status, 200, `${body} ${api.log.join('\n')}`);
  assert.deepEqual(JSON.parse(body), { person: tokens.claims().preferred_username });
  assert.equal((await ask()).status, 401);
  assert.equal((await ask(`${tokens.access_token}x`)).status, 401);
  const jiro = await colleague(stage, 'm-jiro', '鈴木 次郎', { roles: ['reader'] });
  assert.equal((await ask((await native.logIn(jiro, SCOPE)).access_token)).status, 403);
});

test('a token ends after its time, and at once when the credential is revoked', { timeout: 60_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'] });
  const tokens = await native.logIn(saburo, SCOPE);
  assert.equal((await ask(tokens.access_token)).status, 200);
  await clock.advance(301);
  assert.equal((await ask(tokens.access_token)).status, 401);
  const late = await Native.open(stage, 'gpu-cli', clock.ahead);
  const next = await late.refresh(tokens);
  assert.equal((await ask(next.access_token)).status, 200);
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  assert.equal((await ask(next.access_token)).status, 401);
});
