// Kubernetes' own authentication of bearer tokens (k8s.io/apiserver, in a main of ours) and kubectl,
// unchanged, as spec/integrations/kubernetes.md sets them up: by the file with CEL, and by flags. The
// broker's clock begins ten minutes late, so that a token of then has ended by now.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Page } from '../page.js';
import { Clock, Native, Program, approve, colleague, freePort, taro } from '../services.js';
import { Stage, target } from '../stage.js';

const run = promisify(execFile);
const SCOPE = 'openid profile organization offline_access';
const bin = (name) => join(target, 'services/bin', name);
let clock, stage, folder, page, native, stale;

before(async () => {
  clock = await Clock.open({ ahead: -600 });
  stage = await taro(await Stage.openUnder(clock, '--tls'));
  folder = await mkdtemp(join(tmpdir(), 'sekisho-k8s-'));
  await copyFile(stage.ca_file, join(folder, 'sekisho-ca.pem'));
  const ca = await readFile(stage.ca_file, 'utf8');
  page = await Page.read('integrations/kubernetes.md', {
    'https://auth.example.jp': stage.issuer, 'SEKISHO-CA\n': ca.trimEnd().replaceAll('\n', '\n        ') + '\n',
    'http://localhost:8000': `http://localhost:${await freePort()}`,
  });
  await page.register(stage);
  stale = await (await Native.open(stage, 'kubernetes', clock.ahead)).logIn(stage, SCOPE);
  await clock.advance(600);
  native = await Native.open(stage, 'kubernetes');
  await writeFile(join(folder, 'authentication.yaml'), page.file('authentication.yaml'));
}, { timeout: 60_000 });

after(async () => {
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

for (const [name, flags] of [
  ['by the file', () => ['--authentication-config=authentication.yaml']],
  ['by flags', () => page.file('flags').trim().split('\n')],
]) {
  describe(name, () => {
    let server;
    before(async () => {
      server = await Program.open(bin('authenticator'), flags(), { ready: /^https:/, cwd: folder });
    }, { timeout: 60_000 });
    after(() => server?.close(), { timeout: 60_000 });

    /** Who kubectl is with this token; it brings it by its own protocol for credential plugins. */
    async function whoami(token) {
      const file = join(folder, 'kubeconfig');
      const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } };
      await writeFile(file, JSON.stringify({
        apiVersion: 'v1', kind: 'Config', 'current-context': 'here',
        clusters: [{ name: 'here', cluster: { server: server.ready, 'certificate-authority': join(folder, 'apiserver.crt') } }],
        contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
        users: [{
          name: 'me',
          user: {
            exec: {
              apiVersion: credential.apiVersion, command: 'echo', args: [JSON.stringify(credential)], interactiveMode: 'Never',
            },
          },
        }],
      }));
      const { stdout } = await run(bin('kubectl'), ['--kubeconfig', file, 'auth', 'whoami', '-o', 'json'], {
        env: { ...process.env, HOME: folder },
      });
      return JSON.parse(stdout).status.userInfo;
    }

    const unauthorized = (error) => {
      assert.match(error.stderr, /Unauthorized|must be logged in/);
      return true;
    };

    test('a person is known by name and groups', { timeout: 60_000 }, async () => {
      const tokens = await native.logIn(stage, SCOPE);
      const claims = tokens.claims();
      const who = await whoami(tokens.id_token).catch((error) => assert.fail(`${error.stderr} ${server.log.join('\n')}`));
      assert.equal(who.username, `sekisho:${claims.preferred_username}`);
      assert.deepEqual(who.groups, ['sekisho:gpu-user', 'system:authenticated']);
      if (name !== 'by the file') return;
      assert.equal(who.uid, claims.sub);
      assert.deepEqual(who.extra['auth.example.jp/organization'], [claims.organization.corporate_number]);
    });

    test('kubectl logs in by another device, and again by itself, until the credential is revoked', { timeout: 60_000 }, async () => {
      const rokuro = await colleague(stage, `m-rokuro-${name.at(-1)}`, '加藤 六郎', { roles: ['gpu-user'] });
      const home = await mkdtemp(join(folder, 'home-'));
      await writeFile(join(home, 'kubectl-sekisho'), page.file('kubectl-sekisho'), { mode: 0o755 });
      const shown = { server: server.ready, 'certificate-authority': join(folder, 'apiserver.crt') };
      await writeFile(join(home, 'config'), `${page.file('device.yaml')}
apiVersion: v1
kind: Config
current-context: here
clusters: [{ name: here, cluster: ${JSON.stringify(shown)} }]
contexts: [{ name: here, context: { cluster: here, user: me } }]
`);
      const env = { ...process.env, HOME: home, SSL_CERT_FILE: stage.ca_file, PATH: `${home}:${process.env.PATH}` };
      const [[, ...args]] = page.commands('kubectl');
      const kubectl = ['--kubeconfig', join(home, 'config'), ...args, '-o', 'json'];
      const first = await Program.open(bin('kubectl'), kubectl, { ready: /^Open /, env });
      const [, uri, code] = first.ready.match(/^Open (\S+) and type (\S+)/);
      await approve(uri, code, rokuro);
      await first.ended;
      const said = first.log.join('\n');
      assert.match(said, /"sekisho:gpu-user"/, said);
      const again = await run(bin('kubectl'), kubectl, { env });
      assert.match(again.stdout, /"sekisho:gpu-user"/);
      assert.equal(again.stderr, '');

      await stage.sekisho('credential', 'revoke', rokuro.credential, '--yes');
      const late = await Program.open(bin('kubectl'), kubectl, { ready: /^Open /, env });
      await late.close();
      assert.doesNotMatch(late.log.join('\n'), /sekisho:gpu-user/);
    });

    test('what is no ID token for this cluster is refused', { timeout: 60_000 }, async () => {
      const tokens = await native.logIn(stage, SCOPE);
      await assert.rejects(whoami(stale.id_token), unauthorized);
      assert.match(server.log.at(-1), /expired/);
      await assert.rejects(whoami(tokens.access_token), unauthorized);
      const [head, body, signature] = tokens.id_token.split('.');
      const claims = { ...JSON.parse(Buffer.from(body, 'base64url')), groups: ['gpu-user', 'lead'] };
      const forged = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
      await assert.rejects(whoami(forged), unauthorized);
      assert.match(server.log.at(-1), /signature/);

      const id = `other-${name.replaceAll(' ', '-')}`;
      await stage.sekisho(
        'client', 'add', '--id', id, '--auth', 'none', '--native', '--redirect-uri', 'http://127.0.0.1/callback',
        '--scope', SCOPE, '--name-ja', '別', '--name-en', 'Other', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
      );
      const others = await (await Native.open(stage, id)).logIn(stage, SCOPE);
      await assert.rejects(whoami(others.id_token), unauthorized);
      assert.match(server.log.at(-1), /audience/);
    });

    test('who has no group of the cluster', { timeout: 60_000 }, async () => {
      const jiro = await colleague(stage, `m-jiro-${name.at(-1)}`, '鈴木 次郎', { roles: ['reader'] });
      const { id_token } = await native.logIn(jiro, SCOPE);
      if (name === 'by flags') {
        assert.deepEqual((await whoami(id_token)).groups, ['sekisho:reader', 'system:authenticated']);
        return;
      }
      await assert.rejects(whoami(id_token), unauthorized);
      assert.match(server.log.at(-1), /no group of this cluster/);
    });

    test('a refresh brings a fresh token, until the credential is revoked', { timeout: 60_000 }, async () => {
      const saburo = await colleague(stage, `m-saburo-${name.at(-1)}`, '高橋 三郎', { roles: ['gpu-user'] });
      const tokens = await native.logIn(saburo, SCOPE);
      const next = await native.refresh(tokens);
      assert.notEqual(next.id_token, tokens.id_token);
      assert.deepEqual(await whoami(next.id_token), await whoami(tokens.id_token));
      await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
      await assert.rejects(native.refresh(next), { error: 'invalid_grant' });
    });
  });
}
