/* Makes waiting smoother. Every page works without it. Old syntax on purpose: old browsers wait, too. */
(function () {
  'use strict';
  var main = document.querySelector('main');
  if (!main) { return; }
  var path = main.getAttribute('data-path');
  var over = false;
  var paused = false;

  function again() { if (path) { window.location.replace(path); } else { window.location.reload(); } }

  /* Looks whether the page's state has changed, without reloading what the person reads. */
  function look() {
    if (over) { return; }
    if (document.hidden) { paused = true; return; }
    window.fetch(path, { credentials: 'same-origin', redirect: 'manual', cache: 'no-store' })
      .then(function (answer) {
        if (answer.type === 'opaqueredirect' || !answer.ok) { return null; }
        return answer.text();
      })
      .then(function (html) {
        var next = html && new DOMParser().parseFromString(html, 'text/html').querySelector('main');
        if (next && next.getAttribute('data-state') === main.getAttribute('data-state')) { later(); }
        else { over = true; again(); }
      })
      .catch(later);
  }

  function later() { window.setTimeout(look, 2000); }

  if (path && main.hasAttribute('data-waiting')) {
    if (window.fetch && window.DOMParser) { later(); } else { window.setTimeout(again, 5000); }
    document.addEventListener('visibilitychange', function () {
      if (paused && !document.hidden) { paused = false; look(); }
    });
  }

  /* Counts down. The server decides; this only shows. */
  function count(timer) {
    var end = new Date().getTime() + Number(timer.getAttribute('data-left')) * 1000;
    var form = timer.getAttribute('data-form');
    var short = timer.getAttribute('data-short');
    var tick = window.setInterval(function () {
      var left = Math.max(0, Math.round((end - new Date().getTime()) / 1000));
      timer.textContent = (left < 60 ? short : form).replace('{m}', Math.floor(left / 60)).replace('{s}', left % 60);
      if (left === 0) {
        window.clearInterval(tick);
        if (path && !over) { over = true; window.setTimeout(again, 1500); }
      }
    }, 1000);
  }
  var timers = document.querySelectorAll('[data-left]');
  for (var i = 0; i < timers.length; i += 1) { count(timers[i]); }

  /* Posts an answer to the service. Without a script, the person presses the form's button. */
  var post = document.getElementById('post-back');
  if (post) { post.submit(); }

  /* A wide screen shows the QR code; old browsers cannot be told so by the style sheet alone. */
  var elsewhere = document.querySelector('details.elsewhere');
  var styled = window.CSS && window.CSS.supports && window.CSS.supports('selector(::details-content)');
  if (elsewhere && !styled && window.matchMedia && window.matchMedia('(min-width: 900px)').matches) {
    elsewhere.open = true;
  }

  /* Shows the button that copies the link, where the browser can. */
  var copy = document.getElementById('copy');
  var link = document.getElementById('qr-link');
  if (copy && link && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener('click', function () {
      navigator.clipboard.writeText(link.value).then(function () {
        document.getElementById('copied').textContent = copy.getAttribute('data-done');
      });
    });
  }
}());
