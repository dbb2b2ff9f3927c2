// oidc-agent (Debian), unchanged, as spec/integrations/oidc-agent.md sets it up.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Page } from '../page.js';
import { approve, colleague, freePort, logIn, taro } from '../services.js';
import { Browser, Stage, bounded } from '../stage.js';

const run = promisify(execFile);
let stage, folder, page, env;

before(async () => {
  stage = await taro(await Stage.open('--tls'));
  folder = await mkdtemp(join(tmpdir(), 'sekisho-agent-'));
  await copyFile(stage.ca_file, join(folder, 'sekisho-ca.pem'));
  page = await Page.read('integrations/oidc-agent.md', {
    'https://auth.example.jp': stage.issuer, 'http://localhost:4242': `http://localhost:${await freePort()}`,
    'sekisho-ca.pem': join(folder, 'sekisho-ca.pem'),
  });
  await page.register(stage);
  env = { ...process.env, HOME: folder, OIDC_ENCRYPTION_PW: 'of-the-test-alone' };
  const { stdout } = await run('oidc-agent', ['--no-autoload'], { env });
  for (const [, name, value] of stdout.matchAll(/^(OIDC\w+)=([^;]*);/gm)) env[name] = value;
}, { timeout: 60_000 });

after(async () => {
  if (env?.OIDCD_PID) process.kill(Number(env.OIDCD_PID));
  await stage?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

/** `oidc-gen` as the page has it, under a name; `answer` does what it prints. */
async function generate(name, flow, prints, answer) {
  const [[command, ...all]] = page.commands('oidc-gen', flow);
  const args = all.map((word) => (word === 'sekisho' ? name : word));
  const child = spawn(command, ['--pw-env', '--confirm-default', '--no-url-call', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const shown = new Promise((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      input.on('data', (data) => {
        said += data;
        const found = said.match(prints);
        if (found) resolve(found);
      });
    }
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const last = await answer(await bounded(Promise.race([shown, ended.then(() => assert.fail(said))])));
  assert.equal(await bounded(ended), 0, `${said} ${last.body}`);
}

const token = async (name, ...more) => {
  const [[command]] = page.commands('oidc-token');
  return (await run(command, [...more, name], { env, timeout: 5_000 })).stdout.trim();
};

const userinfo = async (access_token) => {
  const answer = await fetch(`${stage.issuer}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } });
  return { status: answer.status, claims: answer.ok ? await answer.json() : null };
};

test('a person has tokens at the terminal', { timeout: 60_000 }, async () => {
  await generate('sekisho', '--flow=code', /^(https:\S*\/authorize\S*)\s/m, ([, url]) => logIn(new Browser(), url, stage));
  const first = await token('sekisho');
  assert.equal((await userinfo(first)).claims.name, '山田 太郎');
  assert.equal(await token('sekisho'), first, 'it lives yet');
  // More life than any token has: a fresh one each time.
  const [second, third] = [await token('sekisho', '--time=3600'), await token('sekisho', '--time=3600')];
  assert.equal(new Set([first, second, third]).size, 3);
  assert.equal((await userinfo(third)).status, 200);
});

test('a person logs in by another device', { timeout: 60_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'] });
  await generate('saburo', '--flow=device', /(https:\S*\/device)\S*[^]*?\b([A-Z]{4}-[A-Z]{4})\b/, ([, uri, code]) => approve(uri, code, saburo));
  const [first, second] = [await token('saburo'), await token('saburo', '--time=3600')];
  assert.notEqual(first, second);
  assert.equal((await userinfo(second)).claims.name, '高橋 三郎');
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  assert.equal((await userinfo(second)).status, 401);
});

test('who is revoked has none', { timeout: 60_000 }, async () => {
  const last = await token('sekisho');
  assert.equal((await userinfo(last)).status, 200);
  await stage.sekisho('credential', 'revoke', '--last', 'affiliation', '--yes');
  assert.equal((await userinfo(last)).status, 401);
  // It would wait until the person logs in by another device.
  await assert.rejects(token('sekisho', '--time=3600'), ({ stdout }) => stdout === '');
});
