"use strict";
(() => {
  document.documentElement.classList.add("js");

  // ---- Describe the specification under the pointer; arrow keys move to the next one.
  const data = JSON.parse(document.getElementById("specifications").textContent);
  const plot = document.querySelector(".plot");
  const readout = document.getElementById("readout");
  const cursor = plot.querySelector(".pointed");
  const count = data.d.length;
  if (!count) return;
  let current = 0;

  const excess = (d) => (d < 0 ? "\u2212" : "+") + Math.abs(100 * Math.expm1(d)).toFixed(1) + "%";

  function show(index) {
    current = Math.max(0, Math.min(count - 1, index));
    const choices = data.labels.map(([name, ...labels], dimension) => name + " " + labels[data.codes[dimension][current]]);
    readout.textContent = "excess " + excess(data.d[current]) + ": " + choices.join(", ");
    cursor.setAttribute("x1", current + 0.5);
    cursor.setAttribute("x2", current + 0.5);
    cursor.style.opacity = "1";
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
    show(current + step);
  });
})();
