// oauth2-proxy (Go module), unchanged, as spec/integrations/oauth2-proxy.md sets it up, in front of a
// service that answers with the headers it got.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page } from '../page.js';
import { HOST, Program, colleague, freePort, logIn, taro } from '../services.js';
import { Browser, Stage, target } from '../stage.js';

const MAIL = { email: 'someone@setouchi.example' };
let stage, service, folder, proxy, often, names;

before(async () => {
  stage = await taro(await Stage.open('--tls'));
  folder = await mkdtemp(join(tmpdir(), 'sekisho-proxy-'));
  await copyFile(stage.ca_file, join(folder, 'sekisho-ca.pem'));
  service = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  await new Promise((resolve) => service.listen(0, HOST, resolve));
  names = {
    'https://auth.example.jp': stage.issuer, 'http://127.0.0.1:8080': `http://${HOST}:${service.address().port}`,
    'COOKIE-SECRET': randomBytes(32).toString('base64url'),
  };
  proxy = await open({}, (text) => text);
  // A second one, which asks after one second instead of four minutes: no clock can be
  // put under it. It counts whole seconds.
  often = await open({ '--id oauth2-proxy': '--id often', '"oauth2-proxy"': '"often"' },
    (text) => text.replace('cookie_refresh = "4m"', 'cookie_refresh = "1s"'));
}, { timeout: 60_000 });

after(async () => {
  await proxy?.close();
  await often?.close();
  service?.close();
  await stage?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** Registers and starts one as the page has it. */
async function open(more, change) {
  const port = await freePort();
  const all = { ...names, ...more, 'https://gpu.example.jp': `http://${HOST}:${port}` };
  const { client_secret } = await (await Page.read('integrations/oauth2-proxy.md', all)).register(stage);
  const page = await Page.read('integrations/oauth2-proxy.md', { ...all, 'CLIENT-SECRET': client_secret });
  const file = join(folder, `${port}.cfg`);
  await writeFile(file, `${change(page.file('oauth2-proxy.cfg'))}http_address = "${HOST}:${port}"\n`);
  const program = await Program.open(join(target, 'services/bin/oauth2-proxy'), ['--config', file], {
    ready: /OAuthProxy configured/, cwd: folder,
  });
  const at = (path) => `http://${HOST}:${port}${path}`;
  for (let tries = 0; !(await fetch(at('/ping')).catch(() => null))?.ok; tries++) {
    assert.ok(tries < 300, program.log.join('\n'));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Object.assign(program, { at });
}

const enter = (browser, through, wallet) => logIn(browser, through.at('/oauth2/start?rd=/where'), wallet);

test('the service behind it reads who came', { timeout: 60_000 }, async () => {
  const browser = new Browser();
  assert.equal((await browser.get(proxy.at('/where'))).status, 403, 'its page with a button');
  const page = await enter(browser, proxy, stage);
  assert.equal(page.status, 200, proxy.log.join('\n'));
  const seen = JSON.parse(page.body);
  assert.equal(seen['x-forwarded-email'], 'taro.yamada@setouchi.example');
  assert.equal(seen['x-forwarded-groups'], 'gpu-user');
  assert.match(seen['x-forwarded-preferred-username'], /^[a-z]/);
  assert.ok(seen['x-forwarded-user'].length > 20);

  // What a browser says of itself is dropped.
  const answer = await fetch(proxy.at('/where'), {
    headers: { cookie: browser.cookie(proxy.at('/where')), 'x-forwarded-user': 'mallory', 'x-forwarded-groups': 'lead' },
  });
  const again = await answer.json();
  assert.equal(again['x-forwarded-user'], seen['x-forwarded-user']);
  assert.equal(again['x-forwarded-groups'], 'gpu-user');
});

test('who has no group, or no e-mail address, stays outside', { timeout: 60_000 }, async () => {
  const jiro = await colleague(stage, 'm-jiro', '鈴木 次郎', { roles: ['reader'], ...MAIL });
  const refused = await enter(new Browser(), proxy, jiro);
  assert.equal(refused.status, 403);
  const shiro = await colleague(stage, 'm-shiro', '田中 四郎', { roles: ['gpu-user'] });
  const without = await enter(new Browser(), proxy, shiro);
  assert.equal(without.status, 500);
  assert.ok(proxy.log.some((line) => line.includes('neither the id_token nor the profileURL set an email')));
});

test('its default scopes do too: then the broker is asked by way of the browser', { timeout: 60_000 }, async () => {
  const plain = await open({ '--id oauth2-proxy': '--id plain', '"oauth2-proxy"': '"plain"' },
    (text) => text.replace(/^scope = .*$/m, ''));
  try {
    const browser = new Browser();
    const asked = await browser.get(plain.at('/oauth2/start?rd=/where'));
    assert.equal(new URL(asked.location).searchParams.get('scope'), 'openid email profile groups');
    const page = await logIn(browser, plain.at('/oauth2/start?rd=/where'), stage);
    assert.equal(JSON.parse(page.body)['x-forwarded-groups'], 'gpu-user');
  } finally {
    await plain.close();
  }
});

test('it asks again and nobody notices, until the credential is revoked', { timeout: 60_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'], ...MAIL });
  const browser = new Browser();
  assert.equal((await enter(browser, often, saburo)).status, 200, often.log.join('\n'));
  // Twice: what came of the first refresh token is good for the second.
  for (const times of [1, 2]) {
    await new Promise((resolve) => setTimeout(resolve, 2100));
    assert.equal((await browser.get(often.at('/where'))).status, 200, often.log.join('\n'));
    assert.equal(often.log.filter((line) => line.includes('Refreshing session')).length, times);
  }
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  await new Promise((resolve) => setTimeout(resolve, 2100));
  assert.equal((await browser.get(often.at('/where'))).status, 403);
  assert.ok(often.log.some((line) => line.includes('invalid_grant')), often.log.slice(-12).join('\n'));
  const again = await enter(browser, often, saburo);
  assert.ok(again.url.startsWith(stage.issuer));
  assert.match(again.body, /C-2001/);
});
