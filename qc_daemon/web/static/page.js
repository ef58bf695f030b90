// What the server cannot do: say that it is silent, let ages grow between events, open pages by keys.
"use strict";

const SILENT_AFTER_MS = 7000; // the server ticks every 2 s
let heardAt = performance.now();

function hear() {
  heardAt = performance.now();
  document.getElementById("connection").hidden = true;
}

// A browser's clock may be wrong, so an age starts from what the server said and grows by the monotonic clock.
// What the server drew for all may be some seconds old when one of them gets it.
function startAges(root) {
  const lateMs = 1000 * Number(root.querySelector("[data-late]")?.dataset.late ?? 0);
  for (const element of root.querySelectorAll("[data-age]")) {
    element.dataset.from = String(performance.now() - lateMs);
  }
  growAges();
}

function growAges() {
  for (const element of document.querySelectorAll("[data-from]")) {
    const seconds = Number(element.dataset.age) + (performance.now() - Number(element.dataset.from)) / 1000;
    element.textContent = inWords(Math.max(0, Math.floor(seconds)));
  }
}

function inWords(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function watch() {
  growAges();
  const watching = document.body.hasAttribute("sse-connect");
  if (watching && performance.now() - heardAt > SILENT_AFTER_MS) {
    document.getElementById("connection").hidden = false;
  }
}

function openByKey(event) {
  const typing = event.target.closest("input, select, textarea");
  if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
  document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
}

document.addEventListener("htmx:sseOpen", (event) => {
  hear();
  event.detail.source.addEventListener("tick", hear);
  event.detail.source.addEventListener("gone", () => location.reload());
});
document.addEventListener("htmx:sseError", () => {
  document.getElementById("connection").hidden = false;
});
document.addEventListener("htmx:sseMessage", hear);
document.addEventListener("htmx:afterSettle", (event) => startAges(event.target));
document.addEventListener("keydown", openByKey);
startAges(document);
setInterval(watch, 1000);
