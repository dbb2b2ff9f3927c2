// SeaweedFS and boto3 (PyPI), unchanged, as spec/integrations/s3.md sets them up. The broker's clock begins
// ten minutes late, so that a token of then has ended by now.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page } from '../page.js';
import { Clock, HOST, Native, Program, colleague, freePort, taro } from '../services.js';
import { Stage, bounded, target } from '../stage.js';

const SCOPE = 'openid profile groups offline_access';
const bin = (name) => join(target, 'services/bin', name);
let clock, stage, folder, page, native, stale, weed;

before(async () => {
  clock = await Clock.open({ ahead: -600 });
  stage = await taro(await Stage.openUnder(clock, '--tls'));
  folder = await mkdtemp(join(tmpdir(), 'sekisho-s3-'));
  const ports = {};
  for (const name of ['master', 'volume', 'filer', 's3']) ports[name] = await freePort();
  const at = `http://${HOST}:${ports.s3}`;
  page = await Page.read('integrations/s3.md', {
    'https://auth.example.jp': stage.issuer, 'https://s3.example.jp': at, 'SIGNING-KEY': randomBytes(32).toString('base64'),
  });
  await page.register(stage);
  stale = await (await Native.open(stage, 'gpu-cli', clock.ahead)).logIn(stage, SCOPE);
  await clock.advance(600);
  native = await Native.open(stage, 'gpu-cli');

  await writeFile(join(folder, 'iam.json'), page.file('iam.json'));
  await writeFile(join(folder, 's3.py'), page.file('s3.py'));
  // An administrator of the storage makes the bucket, by keys of its own.
  await writeFile(join(folder, 's3.json'), JSON.stringify({
    identities: [{ name: 'admin', credentials: [{ accessKey: 'admin', secretKey: 'of-the-test-alone' }], actions: ['Admin'] }],
  }));
  const given = Object.entries(ports).map(([name, port]) => `-${name}.port=${port}`);
  weed = await Program.open(bin('weed'), [
    '-logtostderr=true', 'server', `-dir=${folder}`, `-ip=${HOST}`, `-ip.bind=${HOST}`, '-s3', ...given, '-filer',
    ...['master', 'volume', 'filer', 's3'].map((name) => `-${name}.port.grpc=0`),
    '-volume.preStopSeconds=0', '-s3.port.iceberg=0', `-s3.config=${join(folder, 's3.json')}`, `-s3.iam.config=${join(folder, 'iam.json')}`,
  ], { ready: /Start Seaweed S3 API Server/i, cwd: folder, env: { SSL_CERT_FILE: stage.ca_file } });
  for (let tries = 0; (await python(BUCKET(at), '')).code !== 0; tries++) {
    assert.ok(tries < 60, weed.log.slice(-30).join('\n'));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}, { timeout: 240_000 });

after(async () => {
  await weed?.close();
  await stage?.close();
  await clock?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

const BUCKET = (at) => ['-c', `import boto3
s3 = boto3.client("s3", endpoint_url="${at}", region_name="us-east-1", aws_access_key_id="admin",
    aws_secret_access_key="of-the-test-alone")
s3.create_bucket(Bucket="datasets")
s3.put_object(Bucket="datasets", Key="first", Body=b"this makes the first volumes")`];

/** Runs Python with this at its input. */
async function python(args, input) {
  const child = spawn(bin('python3'), args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (data) => { said[name] += data; });
  child.stdin.end(input);
  const code = await bounded(new Promise((resolve) => child.on('close', resolve)));
  return { code, ...said };
}

/** What the page's program does with this token. */
const use = (token) => python([join(folder, 's3.py')], token);

async function refused(token, why) {
  const { code, stderr } = await use(token);
  assert.notEqual(code, 0);
  assert.match(stderr, /AssumeRoleWithWebIdentity/, 'no keys at all');
  assert.match(stderr, why);
}

test('a person with the group has keys, and another has none', { timeout: 120_000 }, async () => {
  const he = await native.logIn(stage, SCOPE);
  const said = await use(he.id_token);
  assert.equal(said.stdout, 'hello\n', said.stderr + weed.log.slice(-20).join('\n'));
  const jiro = await colleague(stage, 'm-jiro', '鈴木 次郎', { roles: ['reader'] });
  await refused((await native.logIn(jiro, SCOPE)).id_token, /AccessDenied/);
});

test('what is no ID token for this storage gives no keys', { timeout: 120_000 }, async () => {
  const tokens = await native.logIn(stage, SCOPE);
  await refused(stale.id_token, /expired/i);
  await refused(tokens.access_token, /An error occurred/);
  const [head, body, signature] = tokens.id_token.split('.');
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url')), groups: ['gpu-user', 'lead'] };
  await refused([head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.'), /An error occurred/);
  await stage.sekisho(
    'client', 'add', '--id', 'other', '--auth', 'none', '--native', '--redirect-uri', 'http://127.0.0.1/callback',
    '--scope', SCOPE, '--name-ja', '別', '--name-en', 'Other', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
  );
  await refused((await (await Native.open(stage, 'other')).logIn(stage, SCOPE)).id_token, /An error occurred/);
});

test('who is revoked gets no fresh ID token', { timeout: 120_000 }, async () => {
  const saburo = await colleague(stage, 'm-saburo', '高橋 三郎', { roles: ['gpu-user'] });
  const next = await native.refresh(await native.logIn(saburo, SCOPE));
  assert.equal((await use(next.id_token)).stdout, 'hello\n');
  await stage.sekisho('credential', 'revoke', saburo.credential, '--yes');
  await assert.rejects(native.refresh(next), { error: 'invalid_grant' });
});
