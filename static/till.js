// Everything works without this file. It only makes a few things nicer.
(() => {
  'use strict';

  // A page that reports a problem begins with a summary of it. Pages arrive
  // whole, so nothing announces it: the focus does. Some browsers obey
  // autofocus on form fields only; the others are given the time for it.
  const summary = document.querySelector('[data-summary]');
  window.addEventListener('load', () => window.setTimeout(() => {
    if (summary && document.activeElement === document.body) summary.focus();
  }, 200));

  // A form is sent once. The button says what is going on, and comes back to
  // itself when the page is shown again by the Back button, or when nothing
  // came of it.
  const idle = () => {
    for (const form of document.querySelectorAll('form[data-sent]')) {
      delete form.dataset.sent;
    }
    for (const button of document.querySelectorAll('button[aria-disabled]')) {
      button.removeAttribute('aria-disabled');
    }
    for (const label of document.querySelectorAll('[data-idle]')) {
      label.textContent = label.dataset.idle;
    }
  };
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    window.setTimeout(idle, 10000);
    event.submitter?.setAttribute('aria-disabled', 'true');
    const label = event.submitter?.querySelector('[data-busy]');
    if (label) {
      label.dataset.idle = label.textContent;
      label.textContent = label.dataset.busy;
    }
  });
  window.addEventListener('pageshow', idle);

  // Choosing a currency with a pointer sends it at once. With a keyboard it
  // waits for the button: an arrow key passes over currencies nobody chose.
  for (const select of document.querySelectorAll('select[data-send]')) {
    let keys = false;
    select.addEventListener('keydown', () => { keys = true; });
    select.addEventListener('pointerdown', () => { keys = false; });
    select.addEventListener('change', () => {
      if (!keys) select.form.requestSubmit();
    });
  }

  // A page that waits for news looks for them behind itself and changes only
  // when there are some. Without script it is loaded again as a whole.
  const state = (page) => page.querySelector('[data-state]')?.dataset.state;
  const fetchPage = async (url) => {
    try {
      const answer = await fetch(url, { headers: { Accept: 'text/html' } });
      return answer.ok && new DOMParser().parseFromString(await answer.text(), 'text/html');
    } catch {
      return null;
    }
  };
  const look = (seconds, url) => window.setTimeout(async () => {
    const page = await fetchPage(url);
    if (!page) {
      look(seconds * 2, url); // No answer is no news.
      return;
    }
    const next = page.body.dataset;
    if (next.refreshUrl && state(page) === state(document)) {
      look(Number(next.refresh), next.refreshUrl);
      return;
    }
    window.location.replace(url);
  }, seconds * 1000);
  const { refresh, refreshUrl } = document.body.dataset;
  if (refreshUrl) look(Number(refresh), refreshUrl);

  // Buttons that need script to do anything are hidden until it is here.
  for (const button of document.querySelectorAll('[data-print]')) {
    button.hidden = false;
    button.addEventListener('click', () => window.print());
  }
})();
