// The test bench: what is typed is run a moment later, and the result takes its place. A file is read into the box beside it.

import { fill } from "./live.js";

const PAUSE_MS = 400;

export function editor() {
  document.querySelectorAll("input[type=file][data-into]").forEach((input) => {
    input.addEventListener("change", async () => {
      const { files, dataset } = /** @type {HTMLInputElement} */ (input);
      const into = document.getElementById(dataset.into ?? "");
      if (!files?.[0] || !(into instanceof HTMLTextAreaElement)) return;
      into.value = (await files[0].text()).replace(/\r\n?/g, "\n");
      into.dispatchEvent(new Event("input", { bubbles: true }));
    });
  });
  document.querySelectorAll("input[data-from]").forEach((input) => {
    const from = document.getElementById(/** @type {HTMLInputElement} */ (input).dataset.from ?? "");
    from?.addEventListener("input", () => { /** @type {HTMLInputElement} */ (input).value = /** @type {HTMLTextAreaElement} */ (from).value; });
  });
  const bench = document.querySelector("form[data-bench]");
  const result = document.getElementById("bench-result");
  if (!(bench instanceof HTMLFormElement) || !result) return;
  let timer = 0;
  let turn = 0;
  bench.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(run, PAUSE_MS);
  });
  const run = async () => {
    const mine = ++turn;
    const sent = new URLSearchParams(/** @type {any} */ (new FormData(bench)));
    sent.set("do", "run");
    try {
      const answer = await fetch(bench.action, { method: "POST", body: sent });
      const page = /<div id="bench-result"[^>]*>([\s\S]*)<\/div>\s*<\/form>/.exec(await answer.text());
      if (mine === turn && page) fill(result, page[1]);
    } catch {
      result.textContent = "The engine does not answer; what stands here is kept. It is run again when you type.";
    }
  };
}
