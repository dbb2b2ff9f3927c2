// Apache with mod_auth_openidc and mod_oauth2 (Debian), unchanged, as spec/integrations/apache.md sets them
// up, in front of a service that answers with the headers it got. Broker and Apache are under a clock that
// the test moves.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page } from '../page.js';
import { Clock, HOST, Native, Program, colleague, freePort, logIn, taro } from '../services.js';
import { Browser, Stage } from '../stage.js';

const SCOPE = 'openid profile groups offline_access';
const MODULES = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'proxy', 'proxy_http', 'auth_openidc', 'oauth2'];
let clock, stage, service, folder, httpd, at, native;

before(async () => {
  clock = await Clock.open();
  stage = await taro(await Stage.openUnder(clock));
  service = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  await new Promise((resolve) => service.listen(0, HOST, resolve));
  const port = await freePort();
  at = (path) => `http://${HOST}:${port}${path}`;
  const names = {
    'https://auth.example.jp': stage.issuer, 'https://gpu.example.jp': at(''),
    'http://127.0.0.1:8080': `http://${HOST}:${service.address().port}`,
  };
  const made = await (await Page.read('integrations/apache.md', names)).registerAll(stage);
  const page = await Page.read('integrations/apache.md', {
    ...names, 'CLIENT-SECRET': made.apache.client_secret, 'API-SECRET': made['api-now'].secret, 'COOKIE-SECRET': randomBytes(32).toString('hex'),
  });
  native = () => Native.open(stage, 'gpu-cli', clock.ahead);
  folder = await mkdtemp(join(tmpdir(), 'sekisho-apache-'));
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'httpd.conf'), `
    ServerRoot ${folder}
    DefaultRuntimeDir ${folder}
    PidFile ${join(folder, 'httpd.pid')}
    ServerName ${HOST}
    Listen ${HOST}:${port}
    ErrorLog "|/bin/cat"
    LogLevel notice
    User www-data
    Group www-data
    ${MODULES.map((module) => `LoadModule ${module}_module /usr/lib/apache2/modules/mod_${module}.so`).join('\n')}
    ${page.file('site.conf')}
    ${page.file('api.conf')}
    # Node's fetch calls itself a script (Sec-Fetch-Mode), and those get no redirect by default.
    <LocationMatch "^/(?!api)">
      OIDCUnAuthAction auth true
    </LocationMatch>
  `);
  httpd = await Program.open('/usr/sbin/apache2', ['-f', join(folder, 'httpd.conf'), '-DFOREGROUND'], {
    ready: /resuming normal operations/, env: { ...clock.env },
  });
  await chmod(clock.folder, 0o755);
}, { timeout: 60_000 });

after(async () => {
  await httpd?.close();
  service?.close();
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** What Apache answers to a program with this token. */
async function call(path, token) {
  const answer = await fetch(at(path), { headers: token ? { authorization: `Bearer ${token}` } : {}, redirect: 'manual' });
  return answer.status;
}

const tokensFor = async (wallet, path) => (await native()).logIn(wallet, SCOPE, { resource: at(path) });

test('a person with the group comes in, and is asked about again until the credential is revoked', { timeout: 60_000 }, async () => {
  const browser = new Browser();
  const page = await logIn(browser, at('/console/'), stage);
  assert.equal(page.status, 200, `${page.url} ${page.body} ${httpd.log.join('\n')}`);
  const seen = JSON.parse(page.body);
  assert.equal(seen.oidc_claim_groups, 'gpu-user');
  assert.match(seen.oidc_claim_preferred_username, /^[a-z]/);
  const jiro = await colleague(stage, 'm-jiro', '鈴木 次郎', { roles: ['reader'] });
  assert.equal((await logIn(new Browser(), at('/console/'), jiro)).status, 401);

  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'] });
  const his = new Browser();
  assert.equal((await logIn(his, at('/console/'), saburo)).status, 200);
  for (const times of [1, 2]) {
    await clock.advance(250);
    assert.equal((await his.get(at('/console/'))).status, 200, `${times} ${httpd.log.join('\n')}`);
  }
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  await clock.advance(250);
  const out = await his.follow(await his.get(at('/console/')), 'none:');
  assert.match(out.body, /Logged Out/);
  const again = await his.follow(await his.get(at('/console/')), 'none:');
  assert.ok(again.url.startsWith(stage.issuer), `${again.url} ${again.body}`);
  assert.match(again.body, /C-2001/);
});

test('an API that reads tokens takes those for itself alone', { timeout: 60_000 }, async () => {
  const { access_token, id_token } = await tokensFor(stage, '/api');
  assert.equal(await call('/api/jobs', access_token), 200, httpd.log.join('\n'));
  assert.equal(await call('/api/jobs'), 401);
  assert.equal(await call('/api/jobs', id_token), 401);
  const [head, body, signature] = access_token.split('.');
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url')), groups: ['gpu-user', 'lead'] };
  assert.equal(await call('/api/jobs', [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')), 401);
  const kuro = await colleague(stage, 'm-kuro', '黒田 九郎', { roles: ['reader'] });
  assert.equal(await call('/api/jobs', (await tokensFor(kuro, '/api')).access_token), 401);
  await stage.sekisho(
    'resource', 'add', 'other', '--audience', 'https://other.example.jp', '--name-ja', '別', '--name-en', 'Other',
    '--format', 'jwt', '--claim', 'groups=groups', '--client', 'gpu-cli',
  );
  const others = await (await native()).logIn(stage, SCOPE, { resource: 'https://other.example.jp' });
  assert.equal(await call('/api/jobs', others.access_token), 401);
  await clock.advance(311);
  assert.equal(await call('/api/jobs', access_token), 401);
});

test('an API that asks takes what stands', { timeout: 60_000 }, async () => {
  const goro = await colleague(stage, 'm-goro', '小林 五郎', { roles: ['gpu-user'] });
  const { access_token } = await tokensFor(goro, '/api-now');
  assert.equal(access_token.split('.').length, 1);
  assert.equal(await call('/api-now/jobs', access_token), 200, httpd.log.join('\n'));
  assert.equal(await call('/api-now/jobs', `${access_token}x`), 401);
  const fresh = await tokensFor(goro, '/api-now');
  const foreign = await tokensFor(goro, '/api');
  assert.equal(await call('/api-now/jobs', foreign.access_token), 401);
  await stage.sekisho('credential', 'revoke', goro.credential, '--yes');
  assert.equal(await call('/api-now/jobs', fresh.access_token), 401);
  // As the page says: an answer is kept for ten seconds.
  assert.equal(await call('/api-now/jobs', access_token), 200);
  await clock.advance(11);
  assert.equal(await call('/api-now/jobs', access_token), 401);
});
