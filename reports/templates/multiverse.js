"use strict";
(() => {
  document.documentElement.classList.add("js");

  // ---- The spec under the pointer, in words; arrow keys go from one to the next.
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const plot = document.querySelector(".plot");
  const read = document.getElementById("read");
  const line = plot.querySelector(".pointed");
  const count = specs.d.length;
  if (!count) return;
  let at = 0;

  function show(place) {
    at = Math.max(0, Math.min(count - 1, place));
    const d = specs.d[at];
    const written = (d < 0 ? "\u2212" : "+") + Math.abs(d).toFixed(3);
    const choices = specs.labels.map(([name, ...labels], dimension) => name + " " + labels[specs.codes[dimension][at]]);
    read.textContent = "d " + written + ": " + choices.join(", ");
    line.setAttribute("x1", at + 0.5);
    line.setAttribute("x2", at + 0.5);
    line.style.opacity = "1";
  }

  const drawing = document.getElementById("drawing");
  drawing.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    if (event.clientX < box.left || event.clientX > box.right) return;
    show(Math.floor((count * (event.clientX - box.left)) / box.width));
  });
  plot.setAttribute("tabindex", "0");
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at + step);
  });
})();
