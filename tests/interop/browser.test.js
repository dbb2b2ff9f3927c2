// The journey of the demo in Chromium, over three origins: console, broker, wallet page. Phone and
// desktop, Japanese and English, with JavaScript and without. Screenshots go to SEKISHO_SHOTS.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { Stage } from './stage.js';

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const WORDS = {
  ja: { denied: '研修', count: '条件', consent: '同意', locale: 'ja-JP' },
  en: { denied: 'training', count: 'Conditions not met', consent: 'Allow', locale: 'en-US' },
};

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
}, { timeout: 60_000 });
after(() => browser.close());

/** A person's browser that reports every complaint, and every request to elsewhere. */
async function person(stage, lang, device, more = {}) {
  const context = await browser.newContext({ ...device, locale: WORDS[lang].locale, ...more });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const complaints = [];
  const ours = [stage.issuer, stage.console, stage.wallet];
  page.on('console', (message) => {
    // A page that says why not is sent with its status, which Chromium reports as an error.
    const status = /the server responded with a status of 4\d\d/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !status) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const url = request.url();
    if (!ours.some((origin) => url.startsWith(`${origin}/`))) complaints.push(`a request to ${url}`);
  });
  return { context, page, complaints };
}

async function shot(page, name) {
  const folder = process.env.SEKISHO_SHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** Nothing is cut off: no page is wider than its window. */
async function fits(page) {
  const { scroll, inner } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth, inner: window.innerWidth,
  }));
  assert.ok(scroll <= inner, `${page.url()} is ${scroll} wide in a window of ${inner}`);
}

/** What a camera reads. */
async function scan(code, path) {
  await code.screenshot({ path });
  const { stdout } = await promisify(execFile)('zbarimg', ['-q', '--raw', path], { timeout: 15_000 });
  return stdout.trim();
}

async function accept(page, offer) {
  await page.goto(offer.wallet_page);
  if (offer.tx_code) await page.fill('#tx_code', offer.tx_code);
  await page.click('#accept');
  await page.waitForLoadState();
}

/** Asks for 8 GPUs at the console, up to the login page or whatever answers at once. */
async function ask(page, stage) {
  await page.goto(stage.console);
  await page.fill('#gpus', '8');
  await page.click('#ask');
  await page.waitForLoadState();
}

/** Opens the wallet from the login page and shows what is asked. */
async function show(page, shoot = () => {}) {
  await page.click('#wallet-open');
  await page.waitForSelector('#present');
  await shoot();
  await page.click('#present');
  await page.waitForLoadState();
}

async function journey(lang, device, name, more) {
  const words = WORDS[lang];
  const stage = await Stage.open();
  const { context, page, complaints } = await person(stage, lang, device, more);
  const plain = more?.javaScriptEnabled === false;
  const check = async (what) => {
    if (!plain) await fits(page);
    await shot(page, `${name}-${what}`);
  };
  try {
    await accept(page, stage.offer('affiliation'));
    await ask(page, stage);
    assert.ok(page.url().startsWith(`${stage.issuer}/login/`), page.url());
    await check('login');
    await show(page, () => check('wallet'));

    // Refused, with every unmet condition.
    await page.waitForSelector('.reasons');
    const text = await page.innerText('main');
    assert.match(text, /P-3201/);
    assert.ok(text.includes(words.denied) && text.includes(words.count), text);
    await check('denied');
    await page.click('#denied-return');
    await page.waitForSelector('#error');
    await check('console-refused');

    // With the training: consent, two buttons of one size, and the GPUs.
    await accept(page, stage.offer('ai-training'));
    await ask(page, stage);
    await show(page);
    await page.waitForSelector('#consent-allow');
    const [allow, deny] = await Promise.all(
      ['#consent-allow', '#consent-deny'].map((id) => page.locator(id).boundingBox()),
    );
    assert.deepEqual([allow.width, allow.height], [deny.width, deny.height]);
    assert.equal(await page.locator('input[name=optional]:checked').count(), 0);
    await check('consent');
    await page.click('#consent-allow');
    await page.waitForSelector('#granted');
    await check('granted');

    // Revoked elsewhere: the live session and the remembered consent are worth nothing.
    await stage.sekisho('credential', 'revoke', '--last', 'affiliation', '--yes');
    await ask(page, stage);
    await page.waitForSelector('#error');
    assert.match(await page.innerText('#error'), /C-2001/);
    await check('revoked');
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
    await stage.close();
  }
}

for (const lang of ['ja', 'en']) {
  for (const [name, device] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    test(`the journey on a ${name} in ${lang}`, { timeout: 120_000 }, () => journey(lang, device, `${name}-${lang}`));
  }
}

test('the journey without JavaScript', { timeout: 120_000 }, () =>
  journey('ja', PHONE, 'plain', { javaScriptEnabled: false }));

test('a wallet on another device, and the number typed', { timeout: 120_000 }, async () => {
  const stage = await Stage.open();
  const desk = await person(stage, 'ja', DESKTOP);
  const phone = await person(stage, 'ja', PHONE);
  try {
    await accept(phone.page, stage.offer('affiliation'));
    await accept(phone.page, stage.offer('ai-training'));
    await ask(desk.page, stage);
    const qr = await scan(desk.page.locator('.qr svg'), join(stage.folder, 'qr.png'));
    assert.equal(qr, await desk.page.inputValue('#qr-link'));
    await fits(desk.page);

    // The phone's wallet opens the request of the code.
    await phone.page.goto(`${stage.wallet}/authorize?${qr.split('?')[1]}`);
    await phone.page.click('#present');
    await phone.page.waitForLoadState();
    const next = phone.page.locator('#continue');
    if (await next.count()) await next.click();
    const number = (await phone.page.innerText('#match-number')).trim();
    assert.match(number, /^\d{4}$/);
    await shot(phone.page, 'cross-phone');

    // The desk's page notices by itself.
    await desk.page.waitForSelector('#number');
    await shot(desk.page, 'cross-desk');
    await desk.page.fill('#number', number);
    await desk.page.click('#number-submit');
    await desk.page.click('#consent-allow');
    await desk.page.waitForSelector('#granted');
    assert.deepEqual([...desk.complaints, ...phone.complaints], []);
  } finally {
    await desk.context.close();
    await phone.context.close();
    await stage.close();
  }
});
