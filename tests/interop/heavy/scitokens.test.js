// The SciTokens library (PyPI), unchanged, as spec/integrations/scitokens.md sets it up: tokens with paths.
// The broker's clock begins ten minutes late, so that a token of then has ended by now.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Page } from '../page.js';
import { Clock, Native, colleague, taro } from '../services.js';
import { Stage, bounded, target } from '../stage.js';

const READS = 'openid offline_access read:/datasets/imagenet';
let clock, stage, folder, page, native, stale, store, lines, ended, resource;

before(async () => {
  clock = await Clock.open({ ahead: -600 });
  stage = await taro(await Stage.openUnder(clock, '--tls'));
  page = await Page.read('integrations/scitokens.md', { 'https://auth.example.jp': stage.issuer });
  await page.register(stage);
  resource = page.file('request').match(/&resource=(\S+)/)[1];
  assert.ok(page.file('request').includes(`&scope=${READS}`));
  stale = await (await Native.open(stage, 'gpu-cli', clock.ahead)).logIn(stage, READS, { resource });
  await clock.advance(600);
  native = await Native.open(stage, 'gpu-cli');
  folder = await mkdtemp(join(tmpdir(), 'sekisho-scitokens-'));
  await writeFile(join(folder, 'store.py'), page.file('store.py'));
  store = spawn(join(target, 'services/bin/python3'), [join(folder, 'store.py')], {
    stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, SSL_CERT_FILE: stage.ca_file, XDG_CACHE_HOME: folder },
  });
  ended = new Promise((resolve) => store.on('close', resolve));
  lines = createInterface({ input: store.stdout })[Symbol.asyncIterator]();
}, { timeout: 60_000 });

after(async () => {
  store?.stdin.end();
  if (ended) await bounded(ended);
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** The store's answer. */
async function may(token, action, path) {
  store.stdin.write(`${token} ${action} ${path}\n`);
  return (await bounded(lines.next())).value;
}

test('a token opens the paths that it names, and no other', { timeout: 60_000 }, async () => {
  const { access_token } = await native.logIn(stage, READS, { resource });
  assert.equal(await may(access_token, 'read', '/datasets/imagenet/train'), 'yes');
  for (const [action, path] of [
    ['read', '/datasets/imagenet-21k'], ['read', '/datasets'], ['read', '/datasets/imagenet/../other'],
    ['write', '/datasets/imagenet/train'],
  ]) {
    assert.match(await may(access_token, action, path), /^no/, `${action} ${path}`);
  }
});

test('what was not registered is not given', { timeout: 60_000 }, async () => {
  const { access_token, scope } = await native.logIn(stage, `${READS} read:/secret write:/datasets/proj-a`, { resource });
  assert.ok(!scope.split(' ').includes('read:/secret'), scope);
  assert.match(await may(access_token, 'read', '/secret/x'), /^no/);
  assert.equal(await may(access_token, 'write', '/datasets/proj-a/x'), 'yes');
});

test('what is no token for this store is refused', { timeout: 60_000 }, async () => {
  const tokens = await native.logIn(stage, READS, { resource });
  assert.match(await may(stale.access_token, 'read', '/datasets/imagenet'), /expired/);
  assert.match(await may(tokens.id_token, 'read', '/datasets/imagenet'), /^no/);
  const [head, body, signature] = tokens.access_token.split('.');
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url')), scope: 'read:/' };
  const forged = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  assert.match(await may(forged, 'read', '/secret'), /[Ss]ignature/);
  // For another store, by the same key.
  await stage.sekisho(
    'resource', 'add', 'other', '--audience', 'https://other.example.jp', '--name-ja', '別', '--name-en', 'Other',
    '--format', 'lean', '--claim', 'ver==scitoken:2.0', '--own-scope', 'read:/datasets', '--client', 'gpu-cli',
  );
  const others = await native.logIn(stage, READS, { resource: 'https://other.example.jp' });
  assert.match(await may(others.access_token, 'read', '/datasets/imagenet'), /aud/);
});

test('a WLCG service gets the claims of its profile', { timeout: 60_000 }, async () => {
  await stage.sekisho(
    'resource', 'add', 'wlcg', '--audience', 'https://wlcg.example.jp', '--name-ja', '別', '--name-en', 'WLCG',
    '--format', 'lean', '--claim', 'wlcg.ver==1.0', '--own-scope', 'storage.read:/datasets', '--client', 'gpu-cli',
  );
  const scope = 'openid offline_access storage.read:/datasets';
  const { access_token } = await native.logIn(stage, scope, { resource: 'https://wlcg.example.jp' });
  const [head, claims] = access_token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  assert.deepEqual([head.alg, head.typ], ['RS256', 'JWT']);
  const names = ['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'scope', 'sub', 'wlcg.ver'];
  assert.deepEqual(Object.keys(claims).toSorted(), names);
  assert.equal(claims['wlcg.ver'], '1.0');
  assert.equal(claims.scope, 'storage.read:/datasets');
});

test('a refresh brings a fresh one, until the credential is revoked', { timeout: 60_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'] });
  const next = await native.refresh(await native.logIn(saburo, READS, { resource }));
  assert.equal(await may(next.access_token, 'read', '/datasets/imagenet/train'), 'yes');
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  await assert.rejects(native.refresh(next), { error: 'invalid_grant' });
});
