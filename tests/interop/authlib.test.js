// Authlib (PyPI) as a relying party, with joserfc for ID tokens: over http with a secret, and over
// https under the demo's private root with a key. Python is told what to do line by line; the browser
// and the wallet are here.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { Browser, Stage, agree, bounded, target, walletLink } from './stage.js';

const REDIRECT = 'http://127.0.0.1:8888/callback';
const GOODBYE = 'http://127.0.0.1:8888/goodbye';
const SCOPE = 'openid profile organization offline_access';

for (const [name, flags, auth, algorithm] of [
  ['over http', [], 'client_secret_basic', 'RS256'],
  ['over https', ['--tls'], 'private_key_jwt', 'ES256'],
]) {
  describe(name, () => {
    let stage, registered, key;
    before(async () => {
      stage = await Stage.open(...flags);
      await stage.tegata('init', '--trust', stage.trust_file);
      for (const { uri, tx_code } of stage.offers) {
        await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
      }
      const jwks = join(stage.folder, 'jwks.json');
      if (auth === 'private_key_jwt') {
        const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const more = { kid: 'first', alg: 'ES256', use: 'sig' };
        key = { ...pair.privateKey.export({ format: 'jwk' }), ...more };
        await writeFile(jwks, JSON.stringify({ keys: [{ ...pair.publicKey.export({ format: 'jwk' }), ...more }] }));
      }
      registered = await stage.sekisho(
        'client', 'add', '--id', 'by-authlib', '--auth', auth, '--id-token-alg', algorithm, '--native',
        '--require-pkce', ...(key ? ['--jwks', jwks] : []),
        '--redirect-uri', REDIRECT, '--post-logout-redirect-uri', GOODBYE, '--scope', SCOPE,
        '--name-ja', '試験', '--name-en', 'Test', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
      );
    }, { timeout: 60_000 });
    after(() => stage.close(), { timeout: 60_000 });

    /** Runs `body` with a relying party of its own. */
    async function withParty(body) {
      const party = new Party({
        issuer: stage.issuer, client_id: registered.client_id, secret: registered.client_secret, key: key ?? null,
        redirect_uri: REDIRECT, scope: SCOPE,
      }, stage.ca_file);
      try {
        await body(party);
      } finally {
        await party.close();
      }
    }

    /** The wallet on this device and consent, as far as they are asked for: where the code goes. */
    async function logIn(browser, url) {
      let page = await browser.follow(await browser.get(url), REDIRECT);
      if (page.body.includes('id="wallet-open"')) {
        const shown = await stage.tegata('present', walletLink(page), '--yes');
        page = await browser.follow(await browser.get(shown.redirect_uri), REDIRECT);
      }
      return page.location ?? agree(browser, page);
    }

    test('discovery, PKCE, state, nonce, ID token, userinfo', { timeout: 60_000 }, () => withParty(async (party) => {
      // Authlib's check of metadata wants https.
      if (!stage.insecure) await party.call('check_metadata');
      const browser = new Browser();
      const answer = await logIn(browser, await party.call('authorize', {}));
      const stranger = new URL(answer);
      stranger.searchParams.set('state', 'of-another');
      await assert.rejects(party.call('take', stranger.href), { code: 'mismatching_state' });
      await assert.rejects(party.call('take', answer, 'v'.repeat(43)), { code: 'invalid_grant' });
      const claims = await party.call('take', answer);
      assert.equal(claims.iss, stage.issuer);
      assert.equal(claims.acr, 'phr');
      const token = await party.call('token');
      const header = JSON.parse(Buffer.from(token.id_token.split('.')[0], 'base64url'));
      assert.equal(header.alg, algorithm);
      const { status, body } = await party.call('userinfo');
      assert.equal(status, 200);
      assert.equal(body.sub, claims.sub);
      assert.equal(body.name, '山田 太郎');
      assert.deepEqual(body.groups, ['gpu-user']);

      // The very same answer again is refused, and ends what it gave.
      await assert.rejects(party.call('take', answer), { code: 'invalid_grant' });
      assert.equal((await party.call('userinfo')).status, 401);

      // The session answers at once; another nonce than was asked for is seen.
      const again = await logIn(browser, await party.call('authorize', {}));
      await assert.rejects(party.call('take', again, null, 'of-another'), { code: 'invalid_claim' });
    }));

    test('refresh by hand and by itself, introspect, revoke', { timeout: 60_000 }, () => withParty(async (party) => {
      const claims = await party.call('take', await logIn(new Browser(), await party.call('authorize', {})));
      const first = await party.call('token');
      const next = await party.call('refresh');
      assert.equal(next.sub, claims.sub);
      const second = await party.call('token');
      assert.notEqual(second.access_token, first.access_token);
      assert.notEqual(second.refresh_token, first.refresh_token);
      assert.equal(second.scope, SCOPE);

      assert.equal((await party.call('userinfo')).updates, 1);
      const { status, updates } = await party.call('userinfo', 3600);
      assert.equal(status, 200);
      assert.equal(updates, 2, 'refreshed before the request, for the token would end too soon');

      for (const kind of ['access_token', 'refresh_token']) {
        const described = await party.call('introspect', kind);
        assert.equal(described.active, true, kind);
        assert.equal(described.client_id, registered.client_id);
        assert.equal(described.sub, claims.sub);
      }
      assert.equal(await party.call('revoke', 'refresh_token'), 200);
      for (const kind of ['access_token', 'refresh_token']) {
        assert.deepEqual(await party.call('introspect', kind), { active: false });
      }
      assert.equal((await party.call('userinfo')).status, 401);
      await assert.rejects(party.call('refresh'), { code: 'invalid_grant' });
    }));

    test('log-out ends the session at the broker', { timeout: 60_000 }, () => withParty(async (party) => {
      const browser = new Browser();
      await party.call('take', await logIn(browser, await party.call('authorize', {})));
      const silent = await party.call('authorize', { prompt: 'none' });
      assert.ok(new URL((await browser.get(silent)).location).searchParams.get('code'));
      const left = await browser.get(await party.call('leave', GOODBYE, 'bye'));
      assert.equal(left.location, `${GOODBYE}?state=bye`);
      const refused = await browser.get(await party.call('authorize', { prompt: 'none' }));
      assert.equal(new URL(refused.location).searchParams.get('error'), 'login_required');
    }));
  });
}

/** The Python process: one line asks, one line answers. */
class Party {
  constructor(who, ca) {
    this.child = spawn(join(target, 'python/bin/python3'), [new URL('authlib_rp.py', import.meta.url).pathname], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...(ca && { REQUESTS_CA_BUNDLE: ca }) },
    });
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    // What it can no longer read shows as an end without an answer.
    this.child.stdin.on('error', () => {});
    this.lines = createInterface({ input: this.child.stdout });
    this.child.stdin.write(`${JSON.stringify(who)}\n`);
  }

  async call(...call) {
    const line = new Promise((resolve) => this.lines.once('line', resolve));
    const failed = this.ended.then((code) => { throw new Error(`Python ended with ${code}`); });
    this.child.stdin.write(`${JSON.stringify(call)}\n`);
    const answer = JSON.parse(await bounded(Promise.race([line, failed])));
    failed.catch(() => {});
    if (answer.error) throw Object.assign(new Error(`${call[0]}: ${answer.error}: ${answer.text}`), { code: answer.error });
    return answer.is;
  }

  async close() {
    this.child.stdin.end();
    await bounded(this.ended);
  }
}
