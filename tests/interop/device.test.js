// The device authorization grant with two clients that know nothing of wallets: openid-client polls by
// itself, oauth4webapi shows each answer. The person's browser and wallet are the demo's.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { Browser, Stage, walletLink } from './stage.js';

for (const [name, flags] of [['over http', []], ['over https', ['--tls']]]) {
  describe(name, () => {
    let stage, client_id;
    before(async () => {
      stage = await Stage.open(...flags);
      await stage.tegata('init', '--trust', stage.trust_file);
      for (const { uri, tx_code } of stage.offers) {
        await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
      }
      ({ client_id } = await stage.sekisho(
        'client', 'add', '--id', 'cli', '--auth', 'none', '--grant', 'device_code', '--grant', 'refresh_token',
        '--scope', 'openid profile offline_access',
        '--name-ja', '端末', '--name-en', 'CLI', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
      ));
    }, { timeout: 60_000 });
    after(() => stage.close(), { timeout: 60_000 });

    const form = (page, more) => ({ form_token: page.body.match(/name="form_token" value="([^"]*)"/)[1], ...more });

    /** What a person does at the printed address, up to the question. */
    async function question(browser, { verification_uri, user_code }) {
      const entry = await browser.get(verification_uri);
      const typed = await browser.post(verification_uri, form(entry, { user_code: user_code.toLowerCase() }));
      const page = await browser.follow(typed, 'nowhere:');
      const shown = await stage.tegata('present', walletLink(page), '--yes');
      return browser.follow(await browser.get(shown.redirect_uri), 'nowhere:');
    }

    async function answer(asked, decision) {
      const browser = new Browser();
      const page = await question(browser, asked);
      assert.match(page.body, /id="consent-allow"/);
      return browser.follow(await browser.post(page.url, form(page, { decision })), 'nowhere:');
    }

    test('openid-client polls until the person has agreed', { timeout: 60_000 }, async () => {
      const config = await client.discovery(new URL(stage.issuer), client_id, undefined, client.None(), {
        execute: stage.insecure ? [client.allowInsecureRequests] : [],
      });
      const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid profile offline_access' });
      assert.equal(asked.interval, 5);
      const polling = client.pollDeviceAuthorizationGrant(config, asked);
      const done = await answer(asked, 'allow');
      assert.match(done.body, /id="done"/);
      const tokens = await polling;
      const claims = tokens.claims();
      assert.equal(claims.aud, client_id);
      assert.equal(claims.acr, undefined);
      const about = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
      assert.equal(about.name, '山田 太郎');
      const next = await client.refreshTokenGrant(config, tokens.refresh_token);
      assert.notEqual(next.refresh_token, tokens.refresh_token);
    });

    test('oauth4webapi: a challenge, waiting, a refusal, a code that was used', { timeout: 60_000 }, async () => {
      const options = { [oauth.allowInsecureRequests]: stage.insecure };
      const issuer = new URL(stage.issuer);
      const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
      const cli = { client_id };
      const verifier = oauth.generateRandomCodeVerifier();
      const ask = async (parameters) => oauth.processDeviceAuthorizationResponse(
        server, cli,
        await oauth.deviceAuthorizationRequest(server, cli, oauth.None(), { scope: 'openid', ...parameters }, options),
      );
      const poll = async (asked, additionalParameters) => oauth.processDeviceCodeResponse(
        server, cli,
        await oauth.deviceCodeGrantRequest(server, cli, oauth.None(), asked.device_code, { ...options, additionalParameters }),
      );
      const refused = (error) => ({ code: oauth.RESPONSE_BODY_ERROR, error });

      const asked = await ask({
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      });
      await assert.rejects(poll(asked), refused('authorization_pending'));
      await assert.rejects(poll(asked), refused('slow_down'));
      await answer(asked, 'allow');
      await assert.rejects(poll(asked), refused('invalid_grant'));
      const tokens = await poll(asked, { code_verifier: verifier });
      assert.ok(oauth.getValidatedIdTokenClaims(tokens).sub);
      await assert.rejects(poll(asked, { code_verifier: verifier }), refused('invalid_grant'));

      const denied = await ask({});
      await answer(denied, 'deny');
      await assert.rejects(poll(denied), refused('access_denied'));
    });
  });
}
