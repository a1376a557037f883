// Rows by keyboard: j and k move, x selects, enter opens, e expands; shift and a click select a range.

import { say } from "./live.js";

export function tables() {
  const rows = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("table.rows tbody tr")]);
  let at = -1;
  let last = -1;

  /** @param {number} to */
  const move = (to) => {
    const all = rows();
    if (!all.length) return;
    all[at]?.classList.remove("at");
    at = Math.max(0, Math.min(all.length - 1, to));
    all[at].classList.add("at");
    all[at].scrollIntoView({ block: "nearest" });
    const link = all[at].querySelector("a.open, a");
    if (link instanceof HTMLElement) link.focus({ preventScroll: true });
  };
  /** @param {HTMLElement | undefined} row */
  const box = (row) => /** @type {HTMLInputElement | null} */ (row?.querySelector("input[type=checkbox]") ?? null);
  /** @param {number} from @param {number} to @param {boolean} on */
  const range = (from, to, on) => {
    const all = rows();
    for (let n = Math.min(from, to); n <= Math.max(from, to); n += 1) {
      const one = box(all[n]);
      if (one) one.checked = on;
    }
    say(`${document.querySelectorAll("table.rows input:checked").length} selected`);
  };

  document.addEventListener("keydown", (event) => {
    if (document.documentElement.dataset.keys === "off" || document.querySelector("dialog[open]")) return;
    if (event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea, select")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows()[at];
    if (event.key === "j") move(at + 1);
    else if (event.key === "k") move(at - 1);
    else if (event.key === "e" && row) row.querySelector("summary")?.click();
    else if (event.key === "x" && box(row)) {
      range(at, at, !(/** @type {HTMLInputElement} */ (box(row)).checked));
      last = at;
    } else if (event.key === "X" && row) range(last < 0 ? at : last, at, true);
    else return;
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLInputElement) || event.target.type !== "checkbox") return;
    const here = rows().findIndex((row) => row.contains(/** @type {Node} */ (event.target)));
    if (here < 0) return;
    if (event.shiftKey && last >= 0) range(last, here, event.target.checked);
    last = here;
  });
}
