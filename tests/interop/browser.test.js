// The journey of the demo in Chromium, over three origins: console, broker, wallet page. Phone and
// desktop, Japanese and English, with JavaScript and without. Screenshots go to SEKISHO_SHOTS.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { Stage } from './stage.js';

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PLAIN = { javaScriptEnabled: false };

/** What the pages must say, in each language. */
const WORDS = {
  ja: {
    locale: 'ja-JP',
    one: '3つの条件のうち1つを満たしていません。',
    two: '3つの条件のうち2つを満たしていません。',
    training: '必要な研修の条件を満たしていません。',
    size: '求めたGPUの数または時間が上限を超えています。',
    service: 'GPU コンソール',
    operator: '北海AI計算基盤株式会社',
    purpose: 'GPU を使う資格があるかを確認するため',
    given: ['山田 太郎', '法人番号 7900000000002', '正社員', 'レベル1以上'],
    not_given: '修了日',
    revoked: 'この証明書は発行元によって取り消されています。',
    wrong: '番号が違います。',
  },
  en: {
    locale: 'en-US',
    one: 'Conditions not met: 1 of 3.',
    two: 'Conditions not met: 2 of 3.',
    training: 'The required training is not met.',
    size: 'More GPUs or hours were requested than the limit allows.',
    service: 'GPU Console',
    operator: 'Hokkai AI Compute',
    purpose: 'To check whether you may use its GPUs',
    given: ['山田 太郎', 'corporate number 7900000000002', 'regular employee', 'level 1 or higher'],
    not_given: 'Completed on',
    revoked: 'revoked by its issuer',
    wrong: 'That is not the number.',
  },
};

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
}, { timeout: 60_000 });
after(() => browser.close());

/** A person's browser. It notes every complaint of Chromium (a page's own policy among them), and
 *  every request to elsewhere. */
class Person {
  static async at(stage, lang, device, more = {}) {
    const person = new Person();
    const context = await browser.newContext({ ...device, locale: WORDS[lang].locale, ...more });
    context.setDefaultTimeout(15_000);
    const complaints = [];
    const ours = [stage.issuer, stage.console, stage.wallet];
    context.on('console', (message) => {
      // A page that says why not is sent with its status, which Chromium reports as an error.
      const status = /the server responded with a status of 4\d\d/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !status) complaints.push(message.text());
    });
    context.on('weberror', (error) => complaints.push(String(error.error())));
    context.on('request', (request) => {
      const url = request.url();
      if (!ours.some((origin) => url.startsWith(`${origin}/`))) complaints.push(`a request to ${url}`);
    });
    return Object.assign(person, { stage, lang, words: WORDS[lang], context, complaints, page: await context.newPage() });
  }

  /** What every page is held to: its language, one heading, nothing wider than the window. */
  async look(name) {
    const { page } = this;
    await page.waitForLoadState();
    const found = await page.evaluate(() => ({
      lang: document.documentElement.lang,
      headings: document.querySelectorAll('h1').length,
      scroll: document.documentElement.scrollWidth,
      inner: window.innerWidth,
    }));
    assert.equal(found.lang, this.lang, page.url());
    assert.equal(found.headings, 1, page.url());
    assert.ok(found.scroll <= found.inner, `${page.url()} is ${found.scroll} wide in a window of ${found.inner}`);
    await this.shot(name);
  }

  async shot(name) {
    const folder = process.env.SEKISHO_SHOTS;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  async says(...texts) {
    for (const text of texts) await this.page.locator('main', { hasText: text }).waitFor();
  }

  /** Follows a link or sends a form, to the page where that ends. */
  async click(id) {
    await Promise.all([this.page.waitForEvent('load'), this.page.click(id)]);
  }

  /** Takes the offer of this type into the wallet. */
  async accept(type) {
    const offer = this.stage.offer(type);
    await this.page.goto(offer.wallet_page);
    if (offer.tx_code) await this.page.fill('#tx_code', offer.tx_code);
    await this.click('#accept');
  }

  /** Asks for GPUs at the console, up to the login page or whatever answers at once. */
  async ask(gpus) {
    await this.page.goto(this.stage.console);
    await this.page.fill('#gpus', String(gpus));
    await this.click('#ask');
  }

  /** Opens the wallet from the login page and shows what is asked. */
  async show() {
    await this.click('#wallet-open');
    await this.click('#present');
  }

  /** The codes of a refusal's reasons. */
  async reasons() {
    await this.page.waitForSelector('.reasons');
    return this.page.locator('.reasons .code').allInnerTexts();
  }

  /** Everything is over; nothing was out of order. */
  async leave() {
    await this.context.close();
    assert.deepEqual(this.complaints, []);
  }
}

/** Plays on a stage of its own, and clears it whatever happens. */
async function play(scene) {
  const stage = await Stage.open();
  try {
    await scene(stage);
  } finally {
    await stage.close();
  }
}

async function journey(stage, lang, device, name, more) {
  const person = await Person.at(stage, lang, device, more);
  const { page, words } = person;
  const look = (what) => person.look(`${name}-${what}`);

  await page.goto(stage.console);
  await look('console');
  await page.goto(stage.offer('affiliation').wallet_page);
  await look('offer');
  await person.accept('affiliation');
  await look('accepted');
  await page.goto(stage.wallet);
  await look('held');

  // Refused, with every unmet condition: one, and two where more is asked for than there is.
  await person.ask(8);
  assert.ok(page.url().startsWith(`${stage.issuer}/login/`), page.url());
  await person.says(words.service, words.operator, words.purpose);
  // The code for another device: shown on a wide screen, closed on a phone until somebody wants it.
  assert.equal(await page.locator('.qr svg').isVisible(), device === DESKTOP);
  await look('login');
  if (device !== DESKTOP) {
    await page.click('details.elsewhere > summary');
    assert.ok(await page.locator('.qr svg').isVisible());
    await look('login-elsewhere');
  }
  await person.click('#wallet-open');
  await person.says(words.service, words.purpose);
  await look('wallet');
  await person.click('#present');
  assert.deepEqual(await person.reasons(), ['P-3201']);
  await person.says(words.one, words.training);
  await look('denied');
  // A wallet that holds the training back is asked again with the same request.
  await person.click('#denied-again');
  assert.ok(page.url().startsWith(`${stage.issuer}/login/`), page.url());
  await person.show();
  assert.deepEqual(await person.reasons(), ['P-3201']);
  await person.click('#denied-return');
  await page.waitForSelector('#error');
  await look('console-refused');
  await person.ask(64);
  await person.show();
  assert.deepEqual(await person.reasons(), ['P-3201', 'P-3501']);
  await person.says(words.two, words.training, words.size);
  await look('denied-two');

  // The same in the other language, and back.
  const other = WORDS[lang === 'ja' ? 'en' : 'ja'];
  await person.click('.switch');
  await person.says(other.two, other.training, other.size);
  await person.click('.switch');
  await person.says(words.two);

  // With the training: who asks, for what; two buttons of one size; nothing chosen beforehand.
  await person.accept('ai-training');
  await person.ask(8);
  await person.show();
  await page.waitForSelector('#consent-allow');
  await person.says(words.service, words.operator, words.purpose, words.not_given, ...words.given);
  const [allow, deny] = await Promise.all(
    ['#consent-allow', '#consent-deny'].map((id) => page.locator(id).boundingBox()),
  );
  assert.ok(allow.y < deny.y || allow.x < deny.x, 'what most people want comes first');
  assert.deepEqual([allow.width, allow.height], [deny.width, deny.height]);
  assert.equal(await page.locator('input[name=optional]:checked').count(), 0);
  await look('consent');

  // No is an answer: nothing is given. Asked again, the session knows who it is; consent is new.
  await person.click('#consent-deny');
  assert.match(await page.innerText('#error'), /access_denied/);
  await person.ask(8);
  await person.click('#consent-allow');
  await page.waitForSelector('#granted');
  assert.equal(new URL(page.url()).origin, stage.console);
  assert.deepEqual((await page.locator('#granted dd').allInnerTexts()).slice(1, 3), ['8', '64']);
  await look('granted');

  // Revoked elsewhere: the live session and the remembered consent are worth nothing.
  await stage.sekisho('credential', 'revoke', '--last', 'affiliation', '--yes');
  await person.ask(8);
  assert.match(await page.innerText('#error'), /C-2001/);
  await person.says(words.revoked);
  await look('revoked');
  await person.leave();
}

for (const lang of ['ja', 'en']) {
  for (const [name, device] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    test(`the journey on a ${name} in ${lang}`, { timeout: 120_000 }, () =>
      play((stage) => journey(stage, lang, device, `${name}-${lang}`)));
  }
}

test('the journey without JavaScript', { timeout: 120_000 }, () =>
  play((stage) => journey(stage, 'ja', PHONE, 'plain', PLAIN)));

/** What a camera reads. */
async function scan(code, path) {
  await code.screenshot({ path });
  const { stdout } = await promisify(execFile)('zbarimg', ['-q', '--raw', path], { timeout: 15_000 });
  return stdout.trim();
}

async function acrossDevices(stage, lang, more = {}) {
  const script = more.javaScriptEnabled !== false;
  const name = `cross-${lang}${script ? '' : '-plain'}`;
  const desk = await Person.at(stage, lang, DESKTOP, more);
  const phone = await Person.at(stage, lang, PHONE, more);
  await phone.accept('affiliation');
  await phone.accept('ai-training');
  await desk.ask(8);
  const qr = await scan(desk.page.locator('.qr svg'), join(stage.folder, 'qr.png'));
  assert.equal(qr, await desk.page.inputValue('#qr-link'));
  await desk.page.click('details:not(.elsewhere):has(#qr-link) summary');
  await desk.look(`${name}-help`);

  // The phone's wallet opens the request of the code, and its browser shows a number.
  await phone.page.goto(`${stage.wallet}/authorize?${qr.split('?')[1]}`);
  await phone.click('#present');
  const next = phone.page.locator('#continue');
  if (await next.count()) await phone.click('#continue');
  const number = (await phone.page.innerText('#match-number')).trim();
  assert.match(number, /^\d{4}$/);
  await phone.says(desk.words.service);
  await phone.look(`${name}-phone`);

  // The desk's page notices by itself; without JavaScript it asks again every few seconds.
  await desk.page.waitForSelector('#number');
  await desk.look(`${name}-desk`);
  const wrong = String((Number(number) + 1) % 10_000).padStart(4, '0');
  await desk.page.fill('#number', wrong);
  await desk.click('#number-submit');
  await desk.says(desk.words.wrong);
  await desk.look(`${name}-wrong`);
  await desk.page.fill('#number', number);
  await desk.click('#number-submit');
  await desk.click('#consent-allow');
  await desk.page.waitForSelector('#granted');
  await desk.leave();
  await phone.leave();
}

for (const [name, lang, more] of [['in ja', 'ja'], ['in en', 'en'], ['without JavaScript', 'ja', PLAIN]]) {
  test(`a wallet on another device, and the number typed, ${name}`, { timeout: 120_000 }, () =>
    play((stage) => acrossDevices(stage, lang, more)));
}

test('whoever declines in the wallet gives nothing', { timeout: 120_000 }, () =>
  play(async (stage) => {
    const person = await Person.at(stage, 'en', PHONE);
    await person.accept('affiliation');
    await person.ask(8);
    await person.click('#wallet-open');
    await person.click('#decline');
    assert.match(await person.page.innerText('#error'), /A-1002/);
    await person.look('declined');
    await person.leave();
  }));

test('word_07: a page of another server does not reach through the wallet', { timeout: 120_000 }, () =>
  play(async (stage) => {
    // Another server on this machine: to the browser it is the same site, so that it gets every cookie.
    let fetched = 0;
    let trap = '';
    const server = http.createServer((request, response) => {
      if (request.url === '/inside') fetched += 1;
      response.setHeader('content-type', 'text/html');
      response.end(request.url === '/page' ? trap : '');
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${server.address().port}`;
    const query = `client_id=x509_hash%3Aa&request_uri=${encodeURIComponent(`${origin}/inside`)}`;
    const target = `${stage.wallet}/authorize?${query}`;
    trap = `<img src="${target}"><iframe src="${target}"></iframe><script src="${target}"></script>
      <link rel="stylesheet" href="${target}"><link rel="prefetch" href="${target}">
      <script>fetch("${target}", { mode: 'no-cors', credentials: 'include' })</script>`;
    const person = await Person.at(stage, 'ja', DESKTOP);
    await person.accept('affiliation');
    const context = person.context;
    const [asked, answers] = [[], []];
    context.on('request', (request) => {
      if (request.url() === target) asked.push(request.resourceType());
    });
    context.on('response', (answer) => {
      if (answer.url() === target) answers.push(answer.status());
    });
    const page = await context.newPage();
    await page.goto(`${origin}/page`, { waitUntil: 'networkidle' });
    // What Chromium keeps from the page itself has no answer here.
    assert.ok(asked.length >= 4, `${asked}`);
    assert.ok(answers.every((status) => status === 403), `${answers}`);
    assert.equal(fetched, 0, 'nothing is fetched for what a page loads');
    await page.goto(target);
    await page.waitForSelector('#connect');
    assert.equal(fetched, 0, 'nothing is fetched before the press');
    await Promise.all([page.waitForEvent('load'), page.click('#connect')]);
    assert.equal(fetched, 1);
    // Whoever does not have the link gets no page.
    const stranger = await browser.newContext();
    const closed = await (await stranger.newPage()).goto(stage.wallet);
    assert.equal(closed.status(), 403);
    await stranger.close();
    await context.close();
    server.close();
  }));

/** A service's page at this address; it notes what comes back, by GET or by POST. */
async function service(host, tls) {
  const came = [];
  const visit = (request, answer) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      const url = new URL(request.url, 'http://service');
      if (url.pathname === '/callback') came.push(new URLSearchParams(body || url.search));
      answer.setHeader('content-type', 'text/html');
      answer.end('<!DOCTYPE html><title>service</title><p id="service">here</p>');
    });
  };
  const server = tls ? https.createServer(tls, visit) : http.createServer(visit);
  await new Promise((resolve) => server.listen(0, host, resolve));
  const name = host.includes(':') ? `[${host}]` : host;
  const origin = `${tls ? 'https' : 'http'}://${name}:${server.address().port}`;
  return { came, origin, close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }) };
}

/** Registers a client with this redirect URI; gives the URLs that begin a login and a log-out. */
async function client(stage, id, redirect_uri, mode = 'query') {
  await stage.sekisho(
    'client', 'add', '--id', id, '--native', '--auth', 'none', '--redirect-uri', redirect_uri,
    '--post-logout-redirect-uri', redirect_uri, '--scope', 'openid profile', '--cross-device',
    '--name-ja', '試験', '--name-en', 'Test', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
  );
  const query = new URLSearchParams({
    client_id: id, redirect_uri, response_type: 'code', scope: 'openid profile', state: 's&t', prompt: 'consent',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
    response_mode: mode,
  });
  const out = new URLSearchParams({ client_id: id, post_logout_redirect_uri: redirect_uri });
  return { begin: `${stage.issuer}/authorize?${query}`, leave: `${stage.issuer}/logout?${out}` };
}

/** Everything that leads away from us by a form: cancel, deny, allow, log-out. `arrived` waits for
 *  the browser to be where it should be. */
async function waysBack(person, { begin, leave }, arrived) {
  const press = async (id) => {
    const there = arrived();
    await person.page.click(id, { noWaitAfter: true });
    await there;
  };
  const open = async (url) => {
    await person.page.close();
    person.page = await person.context.newPage();
    await person.page.goto(url);
  };
  await open(begin);
  await press('#login-cancel');
  for (const decision of ['#consent-deny', '#consent-allow']) {
    await open(begin);
    if (await person.page.locator('#wallet-open').count()) await person.show();
    await person.page.waitForSelector(decision);
    await press(decision);
  }
  if (!leave) return;
  await open(leave);
  await press('#logout-yes');
}

/** A person with an affiliation, whose complaints are those about our policies alone. */
async function member(stage, more) {
  const person = await Person.at(stage, 'en', DESKTOP, more);
  await person.accept('affiliation');
  return person;
}

const policies = (person) => person.complaints.filter((text) => /Content Security Policy|Refused/i.test(text));

const keys = new URL('../../keys-dev/', import.meta.url);
const TLS = { key: readFileSync(new URL('localhost.key', keys)), cert: readFileSync(new URL('localhost.pem', keys)) };

for (const [host, tls] of [['127.0.0.1'], ['::1'], ['127.0.0.1', TLS], ['::1', TLS]]) {
  test(`word_20 every form leads back to ${tls ? 'https' : 'http'} at ${host}`, { timeout: 120_000 }, () => play(async (stage) => {
    const rp = await service(host, tls);
    try {
      const urls = await client(stage, 'native', `${rp.origin}/callback`);
      const person = await member(stage, { ignoreHTTPSErrors: true });
      await waysBack(person, urls, () => person.page.waitForURL((url) => url.href.startsWith(`${rp.origin}/callback`)));
      const errors = rp.came.map((answer) => answer.get('error') ?? (answer.has('code') ? 'code' : 'out'));
      assert.deepEqual(errors, ['access_denied', 'access_denied', 'code', 'out']);
      assert.deepEqual(policies(person), []);
      await person.context.close();
    } finally {
      await rp.close();
    }
  }));
}

test('word_20 every form leads back to a private scheme', { timeout: 120_000 }, () => play(async (stage) => {
  // No program here owns the scheme. What counts is that Chromium sets out for it.
  const person = await member(stage);
  const urls = await client(stage, 'own', 'com.example.app:/callback');
  await waysBack(person, urls, () =>
    person.page.waitForEvent('request', (request) => request.url().startsWith('com.example.app:')));
  assert.deepEqual(policies(person), []);
  await person.context.close();
}));

for (const [name, more] of [['by its script', {}], ['by its button', PLAIN]]) {
  test(`word_25 an answer is posted ${name}`, { timeout: 120_000 }, () => play(async (stage) => {
    const rp = await service('127.0.0.1');
    try {
      const { begin } = await client(stage, 'form', `${rp.origin}/callback`, 'form_post');
      const person = await member(stage, more);
      const arrived = async () => {
        if (more.javaScriptEnabled === false) await person.page.click('#post-back button');
        await person.page.waitForSelector('#service');
      };
      await waysBack(person, { begin }, arrived);
      assert.deepEqual(rp.came.map((answer) => answer.get('error')), ['access_denied', 'access_denied', null]);
      for (const answer of rp.came) assert.deepEqual([answer.get('state'), answer.get('iss')], ['s&t', stage.issuer]);
      assert.deepEqual(policies(person), []);
      await person.context.close();
    } finally {
      await rp.close();
    }
  }));
}
