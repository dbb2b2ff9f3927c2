// JupyterHub with GenericOAuthenticator (PyPI), unchanged, as spec/integrations/jupyterhub.md sets it up.
// Broker and hub are under a clock that the test moves: their lifetimes are the real ones.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page } from '../page.js';
import { Clock, HOST, Program, colleague, freePort, logIn, taro } from '../services.js';
import { Browser, Stage, target } from '../stage.js';

const here = new URL('.', import.meta.url).pathname;
const TOKEN = 'of-the-test-alone';
const LOOKER = { authorization: `token ${TOKEN}` };
let clock, stage, hub, at, folder;

before(async () => {
  clock = await Clock.open({ monotonic: true });
  stage = await taro(await Stage.openUnder(clock));
  const ports = [await freePort(), await freePort(), await freePort()];
  at = (path) => `http://${HOST}:${ports[0]}${path}`;
  const names = { 'https://auth.example.jp': stage.issuer, 'https://jupyter.example.jp': at('') };
  const { client_secret } = await (await Page.read('integrations/jupyterhub.md', names)).register(stage);
  const page = await Page.read('integrations/jupyterhub.md', { ...names, 'CLIENT-SECRET': client_secret });
  folder = await mkdtemp(join(tmpdir(), 'sekisho-hub-'));
  // Where it is, how it starts servers, and a way to look inside: nothing of logging in.
  await writeFile(join(folder, 'jupyterhub_config.py'), `${page.file('jupyterhub_config.py')}
c.JupyterHub.bind_url = "${at('')}"
c.JupyterHub.hub_bind_url = "http://${HOST}:${ports[1]}"
c.ConfigurableHTTPProxy.api_url = "http://${HOST}:${ports[2]}"
# Not under the clock: its connections would be idle for minutes at once.
c.ConfigurableHTTPProxy.command = ["env", "-u", "LD_PRELOAD", "${join(here, 'node_modules/.bin/configurable-http-proxy')}"]
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "${folder}/{username}"
c.Spawner.cmd = ["${join(target, 'services/bin/jupyterhub-singleuser')}", "--allow-root"]
c.JupyterHub.services = [{"name": "looker", "api_token": "${TOKEN}"}]
c.JupyterHub.load_roles = [{"name": "looks", "services": ["looker"], "scopes": ["admin:users", "admin:servers"]}]
`);
  hub = await Program.open(join(target, 'services/bin/jupyterhub'), ['--config', join(folder, 'jupyterhub_config.py')], {
    ready: /JupyterHub is now running/, cwd: folder,
    env: {
      ...clock.env, JUPYTERHUB_CRYPT_KEY: '5e'.repeat(32),
      PATH: `${join(target, 'services/bin')}:${process.env.PATH}`,
    },
  });
}, { timeout: 120_000 });

after(async () => {
  await hub?.close();
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** What the hub knows of somebody. */
async function known(name) {
  const answer = await fetch(at(`/hub/api/users/${name}`), { headers: LOOKER });
  assert.equal(answer.status, 200);
  return answer.json();
}

/** The only user with these groups. */
async function whoHas(...groups) {
  const answer = await fetch(at('/hub/api/users'), { headers: LOOKER });
  const found = (await answer.json()).filter((user) => user.groups.toSorted().join() === groups.join());
  assert.equal(found.length, 1);
  return found[0];
}

/** The hub's page for this person, after whatever it takes to get there. */
const home = (browser, wallet) => logIn(browser, at('/hub/oauth_login?next=/hub/home'), wallet);

test('a person logs in, is somebody with groups, and works on a server', { timeout: 60_000 }, async () => {
  const browser = new Browser();
  const page = await home(browser, stage);
  assert.equal(page.url, at('/hub/home'), `${page.status} ${hub.log.join('\n')}`);
  const { name, admin } = await whoHas('gpu-user');
  assert.match(page.body, new RegExp(`user.*${name}`));
  assert.equal(admin, false);

  // Before a server starts, the hub asks the broker again: here with a token that still lives.
  await browser.get(at('/hub/spawn'));
  for (let tries = 0; !(await known(name)).server; tries++) {
    assert.ok(tries < 300, hub.log.join('\n'));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const server = await browser.follow(await browser.get(at(`/user/${name}/`)), 'none:');
  assert.equal(server.status, 200, `${server.url} ${server.body}`);
  assert.match(server.body, /A Jupyter Server is running/);
  const answer = await fetch(at(`/hub/api/users/${name}/server`), { method: 'DELETE', headers: LOOKER });
  assert.ok([202, 204].includes(answer.status));
});

test('a group makes an administrator, and who has none of the groups stays outside', { timeout: 60_000 }, async () => {
  const hanako = await colleague(stage, 'm-hanako', '佐藤 花子', { roles: ['gpu-user', 'lead'] });
  assert.equal((await home(new Browser(), hanako)).status, 200);
  const { name, admin } = await whoHas('gpu-user', 'lead');
  assert.equal(admin, true);
  // As JupyterHub has it, the lists of the hub and of the broker are one.
  assert.deepEqual((await known(name)).groups.toSorted(), ['gpu-user', 'lead']);

  const jiro = await colleague(stage, 'm-jiro', '鈴木 次郎', { roles: ['reader'] });
  const refused = await home(new Browser(), jiro);
  assert.equal(refused.status, 403);
  assert.ok(refused.url.startsWith(at('/hub/oauth_callback')));
});

test('what the hub keeps ends after 300 s, and nobody logs in again; until it is revoked', { timeout: 60_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user', 'night'] });
  const browser = new Browser();
  assert.equal((await home(browser, saburo)).status, 200);
  const { name } = await whoHas('gpu-user', 'night');
  const refreshed = () => hub.log.filter((line) => line.includes(`Refreshing oauth access token for ${name}`)).length;
  assert.equal(refreshed(), 0);
  // Twice: what came of the first refresh token is good for the second.
  for (const times of [1, 2]) {
    await clock.advance(301);
    const page = await browser.get(at('/hub/home'));
    assert.equal(page.status, 200, `${page.location} ${hub.log.join('\n')}`);
    assert.match(page.body, new RegExp(`user.*${name}`));
    assert.equal(refreshed(), times);
  }
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  await clock.advance(301);
  const out = await browser.get(at('/hub/home'));
  assert.equal(new URL(out.location).pathname, '/hub/login');
  const again = await home(browser, saburo);
  assert.ok(again.url.startsWith(stage.issuer), again.url);
  assert.match(again.body, /C-2001/);
});

test('logging out leads to the broker, which asks before it ends its session', { timeout: 60_000 }, async () => {
  const browser = new Browser();
  await home(browser, stage);
  const page = await browser.follow(await browser.get(at('/hub/logout')), 'none:');
  assert.ok(page.url.startsWith(`${stage.issuer}/logout`));
  assert.equal(page.status, 200);
  const form_token = page.body.match(/name="form_token" value="([^"]*)"/)[1];
  const left = await browser.follow(await browser.post(page.url, { form_token, decision: 'yes' }), 'none:');
  assert.equal(left.status, 200, left.body);
  const login = await browser.follow(await browser.get(at('/hub/oauth_login')), 'none:');
  assert.match(login.body, /id="wallet-open"/);
});
