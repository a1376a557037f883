// Single keys. They never fire while somebody types, and can be turned off (WCAG 2.1.4).

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/** @type {HTMLInputElement} */ (target).matches("[type=checkbox], [type=radio]"));
}

/** @param {string} selector */
function follow(selector) {
  const link = document.querySelector(selector);
  if (link instanceof HTMLElement) link.click();
  return !!link;
}

export function keys() {
  let afterG = false;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isTyping(event.target)) {
      /** @type {HTMLElement} */ (event.target).blur();
      return;
    }
    if (document.documentElement.dataset.keys === "off" || isTyping(event.target)) return;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const took = afterG ? follow(`[data-go="${CSS.escape(event.key)}"]`) : act(event.key);
    afterG = !afterG && event.key === "g";
    if (took) event.preventDefault();
  });
}

/** @param {string} key */
function act(key) {
  switch (key) {
    case "/":
      document.getElementById("query")?.focus();
      return true;
    case "?":
      /** @type {HTMLDialogElement | null} */ (document.getElementById("keys"))?.showModal();
      return true;
    case "[":
      return follow("[data-previous]");
    case "]":
      return follow("[data-next]");
    case "r":
      return follow("tr.at [data-verb=replay]") || follow("[data-verb=replay]");
    case "Escape":
      history.back();
      return true;
    default:
      return /^[1-6]$/.test(key) && follow(`[data-tab="${key}"]`);
  }
}
