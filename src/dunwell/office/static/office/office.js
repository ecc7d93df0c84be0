// Keys first: [data-key] is pressed by its key, and where it is a box that opens a field ([data-leads]), one goes on there;
// j and k walk the rows that have [data-row]; ? shows the keys of the page.
"use strict";

const isTyping = (target) =>
  target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") !== null;

function walk(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[Math.min(Math.max(now + step, 0), rows.length - 1)];
  (next.querySelector("a, button") || next).focus();
}

function showKeys() {
  const dialog = document.querySelector("dialog[data-keys]");
  if (dialog) (dialog.open ? dialog.close() : dialog.showModal());
}

// Who speaks to the machine or has a shaky hand turns single keys off (WCAG 2.1.4); this browser remembers it.
const keysAreOff = () => localStorage.getItem("keys") === "off";

document.querySelectorAll("[data-keys-on]").forEach((box) => {
  box.checked = !keysAreOff();
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
});

document.addEventListener("keydown", (event) => {
  if (keysAreOff()) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    walk(event.key === "j" ? 1 : -1);
  } else if (event.key === "?") {
    event.preventDefault();
    showKeys();
  } else {
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target) {
      event.preventDefault();
      target.matches("input, select, textarea") ? target.focus() : target.click();
      const next = target.dataset.leads && target.querySelector(":checked") && document.getElementById(target.dataset.leads);
      (next || target).scrollIntoView({ block: "nearest" });
      if (next) next.focus();
    }
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
});

// A request that failed says so instead of doing nothing.
document.addEventListener("htmx:responseError", () => {
  const note = document.getElementById("failed");
  if (note) note.hidden = false;
});

// Whoever types or moves in a page is there: a long call must not end with the session, and what was written with it.
const STILL_HERE_MS = 2 * 60 * 1000;
const stillHere = document.body.dataset.stillHere;
let toldAt = Date.now();

function tellStillHere() {
  if (Date.now() - toldAt < STILL_HERE_MS) return;
  toldAt = Date.now();
  fetch(stillHere, { redirect: "manual" }).catch(() => {});
}

if (stillHere) {
  for (const kind of ["pointermove", "keydown", "scroll"]) document.addEventListener(kind, tellStillHere, { passive: true });
}

// What scrolls sideways (a wide table on a phone) is reached by keys, and says what it is.
function openToKeys() {
  for (const box of document.querySelectorAll(".table, .chart, .policy")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls === box.hasAttribute("tabindex")) continue;
    if (!scrolls) {
      box.removeAttribute("tabindex");
      box.removeAttribute("role");
      continue;
    }
    box.tabIndex = 0;
    const name = box.querySelector("caption")?.textContent || box.querySelector("img")?.alt || document.querySelector("h1")?.textContent;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", name.trim());
  }
}

openToKeys();
for (const kind of ["resize", "load"]) addEventListener(kind, openToKeys);
