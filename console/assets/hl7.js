// The field under the pointer or the caret is named in a line that stands still. Arrow keys move by field; y copies the path, Y the value.

import { say } from "./live.js";

export function hl7() {
  raw();
  const jump = document.querySelector("[data-jump]");
  if (jump instanceof HTMLInputElement) jump.addEventListener("input", () => go(jump.value.trim().toUpperCase()));
}

function raw() {
  const list = document.querySelector("[data-hl7]");
  const name = document.getElementById("field-name");
  if (!list || !name) return;
  const fields = /** @type {HTMLElement[]} */ ([...list.querySelectorAll(".field")]);
  const region = list.parentElement;
  let at = -1;

  /** @param {number} to @param {boolean} scroll */
  const show = (to, scroll) => {
    if (to < 0 || to >= fields.length) return;
    fields[at]?.classList.remove("at");
    at = to;
    fields[at].classList.add("at");
    name.textContent = fields[at].dataset.name || fields[at].dataset.path || "";
    if (scroll) fields[at].scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  /** The field at the same place of the segment above or below. @param {number} by */
  const line = (by) => {
    const here = fields[at]?.closest("li");
    const next = by > 0 ? here?.nextElementSibling : here?.previousElementSibling;
    const first = next?.querySelector(".field");
    if (first instanceof HTMLElement) show(fields.indexOf(first), true);
  };
  list.addEventListener("pointerover", (event) => {
    if (event.target instanceof HTMLElement && event.target.matches(".field")) show(fields.indexOf(event.target), false);
  });
  region?.addEventListener("focus", () => at < 0 && show(0, false));
  region?.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight") show(at + 1, true);
    else if (event.key === "ArrowLeft") show(at - 1, true);
    else if (event.key === "ArrowDown") line(1);
    else if (event.key === "ArrowUp") line(-1);
    else if (event.key === "y") copy(fields[at]?.dataset.path ?? "", "path");
    else if (event.key === "Y") copy(fields[at]?.textContent ?? "", "value");
    else return;
    event.preventDefault();
  });
}

/** @param {string} text @param {string} what */
async function copy(text, what) {
  await navigator.clipboard?.writeText(text);
  say(`${what} copied`);
}

/** Opens and marks the field of a path. @param {string} path */
function go(path) {
  document.querySelectorAll(".tree .at").forEach((one) => one.classList.remove("at"));
  if (path.length < 3) return;
  const all = [...document.querySelectorAll(".tree [data-path]")];
  const found = all.find((one) => /** @type {HTMLElement} */ (one).dataset.path?.replace(/\[1\]/g, "").startsWith(path.replace(/\[1\]/g, "")));
  if (!found) return;
  for (let outer = found.parentElement; outer; outer = outer.parentElement) if (outer instanceof HTMLDetailsElement) outer.open = true;
  found.classList.add("at");
  found.scrollIntoView({ block: "center" });
}
