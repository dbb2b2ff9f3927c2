// Debian's Apache with mod_auth_openidc, unchanged, in front of a service that knows nothing of OpenID
// Connect: it reads headers. Over http with a secret, and over https under the demo's private root
// with a key.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { Browser, Stage, agree, bounded, walletLink } from './stage.js';

const ORGANIZATION = '7900000000002';
const HOST = '127.0.0.1';
const MODULES = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'proxy', 'proxy_http', 'auth_openidc'];

for (const [name, flags, auth, algorithm] of [
  ['over http', [], 'client_secret_basic', 'RS256'],
  ['over https', ['--tls'], 'private_key_jwt', 'ES256'],
]) {
  describe(name, () => {
    let stage, hanako, service, httpd;
    before(async () => {
      stage = await Stage.open(...flags);
      await stage.tegata('init', '--trust', stage.trust_file);
      for (const { uri, tx_code } of stage.offers) {
        await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
      }
      hanako = await colleague(stage);
      service = await openService();
      httpd = await Httpd.open(stage, service.address().port, auth, algorithm);
    }, { timeout: 60_000 });
    after(async () => {
      await httpd?.close();
      service?.close();
      await stage.close();
    }, { timeout: 60_000 });

    test('a protected page sends to the wallet, and the service reads who came', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      const seen = headers(await logIn(browser, httpd.at('/console/'), stage));
      assert.equal(seen.oidc_claim_name, '山田 太郎');
      assert.equal(JSON.parse(seen.oidc_claim_organization).corporate_number, ORGANIZATION);
      assert.equal(seen.oidc_claim_groups, 'gpu-user');
      assert.equal(seen.oidc_claim_iss, stage.issuer);
      assert.equal(seen.oidc_claim_acr, 'phr');
      assert.equal(seen.person, seen.oidc_claim_preferred_username);

      // What a browser says of itself is overwritten.
      const again = headers(await ask(httpd.at('/console/'), {
        cookie: browser.cookie(httpd.at('/console/')), oidc_claim_name: 'mallory', person: 'mallory',
      }));
      assert.equal(again.oidc_claim_name, '山田 太郎');
      assert.equal(again.person, seen.person);
    });

    test('another person has another name, and a group lets her in where he is refused', { timeout: 60_000 }, async () => {
      const [his, hers] = [new Browser(), new Browser()];
      const he = headers(await logIn(his, httpd.at('/console/'), stage));
      const she = headers(await logIn(hers, httpd.at('/console/'), hanako));
      assert.equal(she.oidc_claim_name, '佐藤 花子');
      assert.equal(she.oidc_claim_groups, 'gpu-user,lead');
      assert.notEqual(she.oidc_claim_sub, he.oidc_claim_sub);
      assert.equal((await his.get(httpd.at('/leads/'))).status, 403);
      assert.equal((await hers.get(httpd.at('/leads/'))).status, 200);
    });

    test('access tokens are refreshed when asked, and before they end', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      const first = headers(await logIn(browser, httpd.at('/console/'), stage));
      const hook = new URLSearchParams({ refresh: httpd.at('/console/'), access_token: first.oidc_access_token });
      const second = headers(await browser.follow(await browser.get(httpd.at(`/answer?${hook}`)), 'none:'));
      assert.equal(second.oidc_claim_sub, first.oidc_claim_sub);

      // /fresh/ asks for more life than any token of the broker has: it refreshes each time.
      const third = headers(await browser.get(httpd.at('/fresh/')));
      const fourth = headers(await browser.get(httpd.at('/fresh/')));
      const tokens = [first, second, third, fourth].map((seen) => seen.oidc_access_token);
      assert.equal(new Set(tokens).size, 4);

      // The module's look at its own session refreshes too, if asked.
      const info = headers(await browser.get(httpd.at('/answer?info=json&access_token_refresh_interval=0')));
      assert.equal(info.userinfo.sub, first.oidc_claim_sub);
      assert.ok(!tokens.includes(info.access_token));
    });

    // The module introspects over https alone.
    test('an access token opens an API, by introspection', { timeout: 60_000, skip: flags.length === 0 }, async () => {
      const { oidc_access_token } = headers(await logIn(new Browser(), httpd.at('/console/'), stage));
      const opened = headers(await ask(httpd.at('/api/'), { authorization: `Bearer ${oidc_access_token}` }));
      assert.equal(opened.oidc_claim_client_id, httpd.client.client_id);
      const closed = await ask(httpd.at('/api/'), { authorization: `Bearer ${oidc_access_token}x` });
      assert.equal(closed.status, 401);
    });

    test('an answer is good in the browser that began, and from the issuer it names', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      const { location } = await logIn(browser, httpd.at('/console/'), stage, httpd.at('/answer'));
      const stranger = await new Browser().get(location);
      assert.doesNotMatch(stranger.body, /oidc_claim_name/);
      assert.notEqual(stranger.location, httpd.at('/console/'));
      const foreign = new URL(location);
      assert.equal(foreign.searchParams.get('iss'), stage.issuer);
      foreign.searchParams.set('iss', 'https://elsewhere.example');
      const refused = await browser.get(foreign.href);
      assert.equal(refused.location, null);
      assert.doesNotMatch(refused.body, /oidc_claim_name/);
    });

    test('logging out ends the session here and at the broker, and the tokens', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      const seen = headers(await logIn(browser, httpd.at('/console/'), stage));
      const stale = browser.cookie(httpd.at('/console/'));
      const userinfo = () => ask(`${stage.issuer}/userinfo`, { authorization: `Bearer ${seen.oidc_access_token}` });
      assert.equal((await userinfo()).status, 200);
      const leave = await browser.get(httpd.at(`/answer?logout=${encodeURIComponent(httpd.at('/goodbye'))}`));
      const asked = new URL(leave.location);
      assert.equal(`${asked.origin}${asked.pathname}`, `${stage.issuer}/logout`);
      assert.ok(asked.searchParams.get('id_token_hint'));
      const left = await browser.follow(leave, 'none:');
      assert.equal(left.url, httpd.at('/goodbye'));

      const replayed = await ask(httpd.at('/console/'), { cookie: stale });
      assert.equal(replayed.status, 302);
      // Offline access would outlive the session: this is the module's call to the revocation endpoint.
      assert.equal((await userinfo()).status, 401);
      const silent = await browser.follow(await browser.get(httpd.at('/silent/')), httpd.at('/answer'));
      assert.equal(new URL(silent.location).searchParams.get('error'), 'login_required');
      const page = await browser.follow(await browser.get(httpd.at('/console/')), 'none:');
      assert.match(page.body, /id="wallet-open"/);
    });
  });
}

/** The wallet on this device and consent, as far as they are asked for, and back. */
async function logIn(browser, url, wallet, stop = 'none:') {
  let page = await browser.follow(await browser.get(url), stop);
  if (page.body.includes('id="wallet-open"')) {
    const shown = await wallet.tegata('present', walletLink(page), '--yes');
    page = await browser.follow(await browser.get(shown.redirect_uri), stop);
  }
  if (!page.body.includes('id="consent-allow"')) return page;
  const location = await agree(browser, page);
  return location.startsWith(stop) ? { location } : browser.follow(await browser.get(location), stop);
}

/** What the service saw. */
function headers(page) {
  assert.equal(page.status, 200, `${page.url} ${page.location} ${page.body}`);
  return JSON.parse(page.body);
}

/** One request with these headers, outside any browser. */
async function ask(url, headers) {
  const answer = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(10_000) });
  return { url, status: answer.status, location: answer.headers.get('location'), body: await answer.text() };
}

/** A second person of the organization, with a wallet of her own. */
async function colleague(stage) {
  const hers = Object.assign(Object.create(stage), { folder: join(stage.folder, 'hanako') });
  await hers.tegata('init', '--trust', stage.trust_file);
  const claims = {
    org_corporate_number: ORGANIZATION, org_name: '瀬戸内精密工業株式会社', affiliation_type: 'regular',
    member_ref: 'm-hanako', name: '佐藤 花子', 'name#ja-Hani-JP': '佐藤 花子', roles: ['gpu-user', 'lead'],
  };
  const file = join(stage.folder, 'hanako.json');
  await writeFile(file, JSON.stringify(claims));
  const offer = await stage.sekisho('credential', 'offer', '--org', ORGANIZATION, '--type', 'affiliation', '--claims', file);
  await hers.tegata('accept', offer.uri);
  return hers;
}

/** A service behind Apache: it answers with the headers that it got. Apache passes UTF-8 through. */
async function openService() {
  const service = createServer((request, response) => {
    const seen = Object.entries(request.headers).map(([name, value]) => [name, Buffer.from(value, 'latin1').toString()]);
    response.end(JSON.stringify(Object.fromEntries(seen)));
  });
  await new Promise((resolve) => service.listen(0, HOST, resolve));
  return service;
}

/** A port that nobody has now: the client's redirect URI must be known before Apache starts. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An Apache of our own, with nothing of the system's configuration. */
class Httpd {
  static async open(stage, backend, auth, algorithm) {
    const httpd = new Httpd();
    const port = await freePort();
    httpd.at = (path) => `http://${HOST}:${port}${path}`;
    httpd.folder = await mkdtemp(join(tmpdir(), 'sekisho-httpd-'));
    await chmod(httpd.folder, 0o755);
    const inside = (file) => join(httpd.folder, file);

    // The module signs its assertions with RSA keys alone.
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'httpd', alg: 'RS256', use: 'sig' };
    await writeFile(inside('jwks.json'), JSON.stringify({ keys: [jwk] }));
    await writeFile(inside('key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    await writeFile(inside('public.pem'), publicKey.export({ format: 'pem', type: 'spki' }));
    httpd.client = await stage.sekisho(
      'client', 'add', '--id', 'httpd', '--auth', auth, '--id-token-alg', algorithm, '--require-pkce',
      ...(auth === 'private_key_jwt' ? ['--jwks', inside('jwks.json')] : []),
      '--redirect-uri', httpd.at('/answer'), '--post-logout-redirect-uri', httpd.at('/goodbye'),
      '--scope', 'openid profile organization offline_access',
      '--name-ja', '試験', '--name-en', 'Test', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
    );
    const secret = httpd.client.client_secret;
    // Its workers run as another user, and the demo's folder is closed to others.
    if (stage.ca_file) await copyFile(stage.ca_file, inside('ca.pem'));

    await writeFile(inside('httpd.conf'), `
      ServerRoot ${httpd.folder}
      DefaultRuntimeDir ${httpd.folder}
      PidFile ${inside('httpd.pid')}
      ServerName ${HOST}
      Listen ${HOST}:${port}
      ErrorLog "|/bin/cat"
      LogLevel notice
      ${MODULES.map((module) => `LoadModule ${module}_module /usr/lib/apache2/modules/mod_${module}.so`).join('\n')}
      User www-data
      Group www-data

      OIDCProviderMetadataURL ${stage.issuer}/.well-known/openid-configuration
      ${stage.ca_file ? `OIDCCABundlePath ${inside('ca.pem')}` : ''}
      OIDCClientID ${httpd.client.client_id}
      ${secret ? `OIDCClientSecret ${secret}` : `
      OIDCPrivateKeyFiles httpd#${inside('key.pem')}
      OIDCPublicKeyFiles httpd#${inside('public.pem')}`}
      OIDCProviderTokenEndpointAuth ${auth}
      OIDCIDTokenSignedResponseAlg ${algorithm}
      OIDCRedirectURI ${httpd.at('/answer')}
      OIDCCryptoPassphrase for-a-test
      OIDCPKCEMethod S256
      OIDCScope "openid profile organization offline_access"
      OIDCRemoteUserClaim preferred_username
      OIDCPassClaimsAs headers
      OIDCInfoHook access_token userinfo session
      ${stage.insecure ? '' : `
      OIDCOAuthIntrospectionEndpoint ${stage.issuer}/introspect
      OIDCOAuthIntrospectionEndpointAuth ${auth}
      OIDCOAuthClientID ${httpd.client.client_id}
      ${secret ? `OIDCOAuthClientSecret ${secret}` : ''}
      OIDCOAuthRemoteUserClaim sub`}

      # The module's own answers come from a handler that a proxy would stand before.
      ProxyPass /answer !
      ProxyPass / http://${HOST}:${backend}/
      <Location />
        AuthType openid-connect
        # Node's fetch calls itself a script (Sec-Fetch-Mode), and those get no redirect by default.
        OIDCUnAuthAction auth true
        OIDCAuthNHeader person
        Require valid-user
      </Location>
      <Location /leads/>
        AuthzSendForbiddenOnFailure On
        Require claim groups:lead
      </Location>
      <Location /fresh/>
        OIDCRefreshAccessTokenBeforeExpiry 3600 logout_on_error
      </Location>
      <Location /silent/>
        OIDCPathAuthRequestParams prompt=none
      </Location>
      <Location /api/>
        AuthType oauth20
        Require valid-user
      </Location>
      <Location /goodbye>
        AuthType None
        Require all granted
      </Location>
    `);

    httpd.child = spawn('/usr/sbin/apache2', ['-f', inside('httpd.conf'), '-DFOREGROUND'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    httpd.log = [];
    httpd.ended = new Promise((resolve) => httpd.child.on('close', resolve));
    const ready = new Promise((resolve) => {
      for (const input of [httpd.child.stdout, httpd.child.stderr]) {
        createInterface({ input }).on('line', (line) => {
          httpd.log.push(line);
          if (line.includes('resuming normal operations')) resolve();
        });
      }
    });
    const failed = httpd.ended.then(() => { throw new Error(`Apache ended: ${httpd.log.join('\n')}`); });
    try {
      await bounded(Promise.race([ready, failed]));
    } catch (error) {
      await httpd.close();
      throw error;
    }
    failed.catch(() => {});
    return httpd;
  }

  async close() {
    this.child.kill('SIGTERM');
    await bounded(this.ended);
    await rm(this.folder, { recursive: true, force: true });
  }
}
