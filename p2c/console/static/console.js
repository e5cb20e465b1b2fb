// What the pages do without a request: tick every row, and leave a part alone while somebody works in it.
"use strict";
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.ticks;
  if (!name) return;
  for (const box of event.target.form.querySelectorAll(`input[type=checkbox][name=${name}]`)) {
    box.checked = event.target.checked;
  }
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "live" && event.target.contains(document.activeElement)) event.preventDefault();
});
