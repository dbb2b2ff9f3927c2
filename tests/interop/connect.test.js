// spec/connect.md: each sample is run as it stands there, and each answer on the page is compared with
// the real one. Over https under the demo's private root, which the samples' programs are told of by their
// environment; broker and services are under a clock that the test moves.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Page } from './page.js';
import { Clock, HOST, Program, approve, colleague, freePort, logIn, taro } from './services.js';
import { Browser, Stage, attribute, target } from './stage.js';

const run = promisify(execFile);
const PAGE = 'connect.md';
const GRANTED = { type: 'gpu_access', service: 'gpu-console', actions: ['allocate', 'ssh'], gpus: 8, gpu_hours: 64, walltime_h: 8 };
let clock, stage, folder, names, newcomer;

before(async () => {
  clock = await Clock.open();
  stage = await taro(await Stage.openUnder(clock, '--tls'));
  newcomer = await colleague(stage, 'm-hanako', '佐藤 花子', { roles: ['gpu-user'] });
  // Beside the suites, where Node finds the packages of package-lock.json.
  folder = await mkdtemp(join(new URL('.', import.meta.url).pathname, 'node_modules/.samples-'));
  names = { 'https://auth.example.jp': stage.issuer, 'auth.example.jp': new URL(stage.issuer).hostname };
}, { timeout: 60_000 });

after(async () => {
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** The page for a service at this address, registered as the page has it under an id of its own. */
async function registered(id, service) {
  const own = { ...names, 'https://gpu.example.jp': service, 'gpu-portal': id };
  const made = await (await Page.read(PAGE, own)).registerAll(stage);
  const page = await Page.read(PAGE, {
    ...own, 'CLIENT-SECRET': made[id].client_secret, 'API-SECRET': made[`${id}-api`].secret,
    'COOKIE-SECRET': randomBytes(32).toString('base64url'),
  });
  return { page, made };
}

/** A person who has no training yet: the page that says so, and the way back from it. */
async function refusal(url) {
  const browser = new Browser();
  const page = await browser.follow(await browser.get(url), 'none:');
  const shown = await newcomer.tegata('present', attribute(page, 'wallet-open', 'href').replace(/^[^?]*\?/, 'openid4vp://?'), '--yes')
    .catch((error) => JSON.parse(error.stdout));
  const denied = await browser.follow(await browser.get(shown.redirect_uri), 'none:');
  assert.match(denied.body, /P-3201/);
  return { browser, back: attribute(denied, 'denied-return', 'href') };
}

describe('by hand', () => {
  const service = 'https://gpu.example.jp';
  let page, made, tokens;

  before(async () => { ({ page, made } = await registered('gpu-portal', service)); }, { timeout: 60_000 });

  /** An address of the page, in which blanks and line breaks are for the eye. */
  function address(name) {
    const [at, ...rest] = page.file(name).trim().split(/\s*\n\s*[?&]/);
    const url = new URL(at);
    for (const pair of rest) url.searchParams.append(...pair.split(/=(.*)/s, 2));
    return url;
  }

  /** Runs a command of the page, in which these words stand for something. */
  async function shell(name, words) {
    const text = Object.entries(words).reduce((all, [word, value]) => all.replaceAll(word, value), page.file(name));
    return (await run('bash', ['-euo', 'pipefail', '-c', text], { env: { ...process.env, CURL_CA_BUNDLE: stage.ca_file } })).stdout;
  }

  /** The answer is the one of the page, but for what is drawn anew each time. */
  function alike(name, answer) {
    const drawn = [
      'device_code', 'user_code', 'verification_uri_complete', 'jti', 'username', 'access_token', 'refresh_token', 'id_token',
      'sub', 'sid', 'at_hash', 'preferred_username', 'exp', 'iat', 'auth_time', 'expires', 'until',
    ];
    const masked = (value) => JSON.parse(JSON.stringify(value, (key, inner) => (drawn.includes(key) ? typeof inner : inner)));
    assert.deepEqual(masked(answer), masked(JSON.parse(page.file(name))), name);
  }

  test('who does not meet a condition is told by the broker, and the service by an error', { timeout: 60_000 }, async () => {
    const { back } = await refusal(address('request').href);
    const told = new URL(back);
    const said = address('refused');
    assert.ok(told.searchParams.get('error_description'));
    said.searchParams.set('error_description', told.searchParams.get('error_description'));
    assert.equal(told.href, said.href);
  });

  test('the request, its answer, and the tokens', { timeout: 60_000 }, async () => {
    const { location } = await logIn(new Browser(), address('request').href, stage, service);
    const code = new URL(location).searchParams.get('code');
    const said = address('answer');
    said.searchParams.set('code', code);
    assert.equal(location, said.href);

    tokens = JSON.parse(await shell('token.sh', { 'code=CODE': `code=${code}` }));
    alike('token.json', tokens);
    const claims = JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url'));
    alike('id-token.json', claims);
    assert.equal(claims.exp - claims.iat, 300);
    alike('userinfo.json', JSON.parse(await shell('userinfo.sh', { 'ACCESS-TOKEN': tokens.access_token })));
    alike('introspection.json', JSON.parse(await shell('introspect.sh', { 'REFRESH-TOKEN': tokens.refresh_token })));
  });

  test('checking again, and giving back', { timeout: 60_000 }, async () => {
    const next = JSON.parse(await shell('refresh.sh', { 'REFRESH-TOKEN': tokens.refresh_token }));
    alike('token.json', next);
    await shell('revoke.sh', { 'REFRESH-TOKEN': next.refresh_token });
    assert.deepEqual(JSON.parse(await shell('introspect.sh', { 'REFRESH-TOKEN': next.refresh_token })), { active: false });
    const refused = JSON.parse(await shell('refresh.sh', { 'REFRESH-TOKEN': next.refresh_token }));
    assert.equal(refused.error, 'invalid_grant');
    assert.match(refused.error_description, /\(reference [0-9a-f]+\)$/);
  });

  test('a program without a browser', { timeout: 60_000 }, async () => {
    const asked = JSON.parse(await shell('device.sh', {}));
    alike('device.json', asked);
    const poll = async () => {
      await clock.advance(asked.interval + 1);
      return JSON.parse(await shell('device-token.sh', { 'DEVICE-CODE': asked.device_code }));
    };
    assert.equal((await poll()).error, 'authorization_pending');
    await approve(asked.verification_uri, asked.user_code, stage);
    const { access_token, refresh_token } = await poll();
    assert.ok(refresh_token);
    assert.equal(JSON.parse(await shell('userinfo.sh', { 'ACCESS-TOKEN': access_token })).name, '山田 太郎');
  });

  test('more scopes, more claims', { timeout: 60_000 }, async () => {
    const url = address('request');
    url.searchParams.delete('authorization_details');
    url.searchParams.set('client_id', 'gpu-portal-directory');
    const [add] = page.commands('sekisho', 'client', 'add').filter((words) => words.includes('gpu-portal-directory'));
    url.searchParams.set('scope', add[add.indexOf('--scope') + 1]);
    const { location } = await logIn(new Browser(), url.href, stage, service);
    const code = new URL(location).searchParams.get('code');
    const secret = `gpu-portal-directory:${made['gpu-portal-directory'].client_secret}`;
    const token = page.file('token.sh').match(/gpu-portal:\S+/)[0];
    const { access_token } = JSON.parse(await shell('token.sh', { 'code=CODE': `code=${code}`, [token]: secret }));
    alike('directory.json', JSON.parse(await shell('userinfo.sh', { 'ACCESS-TOKEN': access_token })));
  });

  test('an API of its own reads a token, or asks', { timeout: 60_000 }, async () => {
    const port = await freePort();
    const script = join(folder, 'api.mjs');
    await writeFile(script, page.file('api.mjs').replace('3001', port));
    const api = await Program.open(process.execPath, [script], { ready: /^ready/, env: { NODE_EXTRA_CA_CERTS: stage.ca_file } });
    try {
      const url = address('request');
      for (const line of page.file('api-request').trim().split('\n')) url.searchParams.set(...line.trim().slice(1).split(/=(.*)/s, 2));
      const { location } = await logIn(new Browser(), url.href, stage, service);
      const code = new URL(location).searchParams.get('code');
      const own = JSON.parse(await shell('token.sh', { 'code=CODE': `code=${code}` }));
      const token = own.access_token;
      alike('access-token.json', JSON.parse(Buffer.from(token.split('.')[1], 'base64url')));
      alike('api-introspection.json', JSON.parse(await shell('api-introspect.sh', { 'ACCESS-TOKEN': token })));
      const ask = async (bearer) => {
        const answer = await fetch(`http://${HOST}:${port}/`, { headers: { authorization: `Bearer ${bearer}` } });
        return { status: answer.status, body: await answer.text() };
      };
      const { status, body } = await ask(token);
      assert.equal(status, 200);
      assert.equal(JSON.parse(body)[0].gpus, 8);
      for (const bad of [own.id_token, own.refresh_token, `${token}x`, '']) assert.equal((await ask(bad)).status, 401);

      const other = JSON.parse(await shell('another.sh', { 'REFRESH-TOKEN': own.refresh_token }));
      assert.equal((await ask(other.access_token)).status, 401);
      assert.ok(JSON.parse(await shell('userinfo.sh', { 'ACCESS-TOKEN': other.access_token })).sub);
    } finally {
      await api.close();
    }
  });
});

for (const [name, file, command] of [
  ['Authlib', 'authlib_app.py', join(target, 'python/bin/python3')],
  ['express-openid-connect', 'express.mjs', process.execPath],
  // The last one, for it ends with a revocation.
  ['openid-client', 'openid-client.mjs', process.execPath],
]) {
  describe(name, () => {
    let program, at;

    before(async () => {
      const port = await freePort();
      at = `http://${HOST}:${port}`;
      const { page } = await registered(name.toLowerCase(), at);
      const script = join(folder, file);
      await writeFile(script, page.file(file).replace('3000', port));
      program = await Program.open(command, [script], {
        ready: /^ready|Running on/,
        env: { ...clock.env, NODE_EXTRA_CA_CERTS: stage.ca_file, REQUESTS_CA_BUNDLE: stage.ca_file },
      });
    }, { timeout: 60_000 });
    after(() => program?.close(), { timeout: 60_000 });

    test('gets what was granted', { timeout: 60_000 }, async () => {
      const page = await logIn(new Browser(), `${at}/`, stage);
      assert.equal(page.status, 200, `${page.url} ${page.body} ${program.log.join('\n')}`);
      const [{ expires, ...granted }] = JSON.parse(page.body);
      assert.deepEqual(granted, GRANTED);
      assert.ok(Date.parse(expires) > Date.now());
    });

    test('learns that somebody was refused', { timeout: 60_000 }, async () => {
      const { browser, back } = await refusal(`${at}/`);
      const page = await browser.follow(await browser.get(back), 'none:');
      assert.equal(page.status, 403);
      assert.equal(page.body, 'access_denied');
    });

    if (name !== 'openid-client') return;
    test('asks again when the token has ended, until it is revoked', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      await logIn(browser, `${at}/`, stage);
      await clock.advance(301);
      const page = await browser.get(`${at}/`);
      assert.equal(page.status, 200, page.body);
      assert.equal(JSON.parse(page.body)[0].gpus, 8);
      await stage.sekisho('credential', 'revoke', '--last', 'ai-training', '--yes');
      await clock.advance(301);
      const out = await browser.get(`${at}/`);
      assert.deepEqual([out.status, out.body], [403, 'invalid_grant']);
    });
  });
}
