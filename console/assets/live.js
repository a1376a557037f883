// Keeps parts of a page up to date by server-sent events. Nothing moves: a part changes where it stands, and not while it is in use.

// The one way in for text that is markup: it is made by our own server, which escapes every value.
const policy = globalThis.trustedTypes?.createPolicy("hilum", { createHTML: (text) => text });

/** @param {Element} element @param {string} text */
export function fill(element, text) {
  element.innerHTML = policy ? policy.createHTML(text) : text;
}

/** @param {string} text */
export function say(text) {
  const place = document.getElementById("announce");
  if (place) place.textContent = text;
}

/** Whether somebody is at work in it. @param {Element} element */
function inUse(element) {
  if (element.contains(document.activeElement) && document.activeElement !== document.body) return true;
  if (element.querySelector("input:checked, details[open] form")) return true;
  const chosen = getSelection();
  return !!chosen && !chosen.isCollapsed && chosen.containsNode(element, true);
}

export function live() {
  if (!document.querySelector("[data-live], [data-new]")) return;
  const state = document.getElementById("live-state");
  const query = new URLSearchParams(location.search);
  query.set("page", location.pathname);
  /** @type {Map<string, string>} */
  const waiting = new Map();
  /** @type {EventSource | undefined} */
  let source;
  let seen = Date.now();
  /** @type {number | undefined} */
  let first;

  const lost = () => {
    if (!state) return;
    const at = new Date(seen).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const text = `\u25b2 not live since ${at}`;
    if (state.textContent !== text) state.textContent = text;
  };
  const alive = () => {
    seen = Date.now();
    if (state && state.textContent) state.textContent = "";
  };

  /** @param {string} id @param {string} html */
  const put = (id, html) => {
    const element = document.getElementById(id);
    if (!element) return;
    if (inUse(element)) {
      waiting.set(id, html);
      return;
    }
    waiting.delete(id);
    fill(element, html);
    const counter = document.querySelector(`[data-new="${id}"]`);
    if (counter instanceof HTMLElement) news(counter, Number(element.textContent));
  };
  /** @param {HTMLElement} counter @param {number} now */
  const news = (counter, now) => {
    first ??= now;
    const link = counter.querySelector("a");
    if (now <= first || !link) return;
    link.textContent = `${now - first} new - show`;
    counter.hidden = false;
    say(`${now - first} new`);
  };

  const open = () => {
    source = new EventSource(`/live?${query}`);
    source.addEventListener("part", (event) => {
      alive();
      const { id, html } = JSON.parse(event.data);
      put(id, html);
    });
    source.addEventListener("alive", alive);
    source.addEventListener("ended", () => {
      source?.close();
      if (state) state.textContent = "the session has ended: open the page again";
    });
    source.addEventListener("open", alive);
    source.addEventListener("error", lost);
  };
  const close = () => source?.close();
  // A page that nobody sees asks for nothing.
  document.addEventListener("visibilitychange", () => {
    close();
    if (!document.hidden) open();
  });
  addEventListener("pagehide", close);
  setInterval(() => {
    if (Date.now() - seen > 20000) lost();
    for (const [id, html] of [...waiting]) put(id, html);
  }, 1000);
  open();
}
