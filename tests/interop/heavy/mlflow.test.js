// MLflow with mlflow-oidc-auth (PyPI), unchanged, as spec/integrations/mlflow.md sets it up. Broker and
// MLflow are under a clock that the test moves.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page } from '../page.js';
import { Clock, HOST, Program, colleague, freePort, logIn, taro } from '../services.js';
import { Browser, Stage, target } from '../stage.js';

let clock, stage, folder, mlflow, at;

before(async () => {
  clock = await Clock.open();
  stage = await taro(await Stage.openUnder(clock, '--tls'));
  folder = await mkdtemp(join(tmpdir(), 'sekisho-mlflow-'));
  const port = await freePort();
  at = (path) => `http://${HOST}:${port}${path}`;
  const names = { 'https://auth.example.jp': stage.issuer, 'https://mlflow.example.jp': at('') };
  const { client_secret } = await (await Page.read('integrations/mlflow.md', names)).register(stage);
  const page = await Page.read('integrations/mlflow.md', {
    ...names, 'CLIENT-SECRET': client_secret, 'COOKIE-SECRET': randomBytes(32).toString('hex'),
  });
  const env = Object.fromEntries(page.file('mlflow.env').trim().split('\n').map((line) => line.split(/=(.*)/s, 2)));
  mlflow = await Program.open(join(target, 'mlflow/bin/mlflow'), [
    'server', '--app-name', 'oidc-auth', '--host', HOST, '--port', `${port}`, '--workers', '1',
    '--backend-store-uri', `sqlite:///${folder}/mlflow.db`, '--artifacts-destination', join(folder, 'artifacts'),
  ], {
    ready: /Application startup complete/, cwd: folder, limit: 150_000,
    env: {
      ...clock.env, ...env, SSL_CERT_FILE: stage.ca_file, REQUESTS_CA_BUNDLE: stage.ca_file,
      PATH: `${join(target, 'mlflow/bin')}:${process.env.PATH}`, MLFLOW_DISABLE_TELEMETRY: 'true', MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    },
  });
}, { timeout: 240_000 });

after(async () => {
  await mlflow?.close();
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

const status = async (browser) => JSON.parse((await browser.get(at('/auth/status'))).body);
const enter = (browser, wallet) => logIn(browser, at('/login'), wallet);
const experiments = (browser) => browser.get(at('/api/2.0/mlflow/experiments/search?max_results=1'));

test('a person logs in, and works', { timeout: 60_000 }, async () => {
  const browser = new Browser();
  assert.notEqual((await experiments(browser)).status, 200);
  const page = await enter(browser, stage);
  assert.equal(page.status, 200, `${page.url} ${mlflow.log.join('\n')}`);
  const { authenticated, username } = await status(browser);
  assert.equal(authenticated, true, mlflow.log.join('\n'));
  assert.match(username, /^[a-z]/);
  assert.equal((await experiments(browser)).status, 200);
});

test('who has none of the groups stays outside', { timeout: 60_000 }, async () => {
  const jiro = await colleague(stage, 'm-jiro', '鈴木 次郎', { roles: ['reader'] });
  const browser = new Browser();
  await enter(browser, jiro);
  assert.notEqual((await status(browser)).authenticated, true);
  assert.notEqual((await experiments(browser)).status, 200);
});

test('it asks again and nobody notices, until the credential is revoked', { timeout: 60_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'] });
  const browser = new Browser();
  await enter(browser, saburo);
  assert.equal((await experiments(browser)).status, 200);
  for (const times of [1, 2]) {
    await clock.advance(340);
    assert.equal((await experiments(browser)).status, 200, `${times} ${mlflow.log.join('\n')}`);
  }
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  await clock.advance(340);
  assert.notEqual((await experiments(browser)).status, 200);
  const again = await enter(browser, saburo);
  assert.ok(again.url.startsWith(stage.issuer), again.url);
  assert.match(again.body, /C-2001/);
});

test('logging out ends the session at the broker as well', { timeout: 60_000 }, async () => {
  const browser = new Browser();
  await enter(browser, stage);
  const left = await browser.follow(await browser.get(at('/logout')), 'none:');
  assert.ok(left.url.startsWith(at('/oidc/ui')), `${left.url} ${left.body}`);
  assert.notEqual((await status(browser)).authenticated, true);
  const page = await browser.follow(await browser.get(at('/login')), 'none:');
  assert.match(page.body, /id="wallet-open"/);
});
