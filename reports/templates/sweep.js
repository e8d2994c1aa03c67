"use strict";
(() => {
  document.documentElement.classList.add("js");

  // ---- The table: a press on a heading sorts; what is undefined stays last. Knobs and ranks sort up first.
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column, heads) => {
      const button = head.querySelector("button");
      if (!button) return;
      const key = (row) => (row.cells[column].dataset.sort === "" ? null : Number(row.cells[column].dataset.sort));
      button.disabled = false;
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const rising = column === 0 || body.rows[0].cells[column].classList.contains("knob");
        const up = before ? before === "descending" : rising;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const compare = (a, b) => {
          const [x, y] = [key(a), key(b)];
          if (x === null || y === null) return (x === null) - (y === null);
          return (up ? 1 : -1) * (x - y);
        };
        body.append(...[...body.rows].sort(compare));
      });
    });
  }

  // ---- Heatmaps: means over the specs that have the values held, of the figure shown.
  const data = JSON.parse(document.getElementById("sweep").textContent);
  const figure = document.getElementById("figure");
  if (!figure) return;
  const holds = [...document.querySelectorAll("select.hold")];
  const written = (text) => (/[1-9]/.test(text) ? text.replace("-", "\u2212") : text.replace(/^[+-]/, ""));
  const signed = (value, digits) => (value < 0 ? "" : "+") + value.toFixed(digits);
  const WRITERS = {
    percent: (value) => written(signed(100 * value, 1) + "%"),
    ratio: (value) => written(value.toFixed(2)),
    log_ratio: (value) => written(signed(value, 3)),
  };

  function means(row, column, held, values) {
    const across = data.levels[column].length;
    const sums = new Float64Array(data.levels[row].length * across);
    const counts = new Uint32Array(sums.length);
    values.forEach((value, spec) => {
      if (value === null || held.some(([knob, level]) => data.codes[knob][spec] !== level)) return;
      const cell = data.codes[row][spec] * across + data.codes[column][spec];
      sums[cell] += value;
      counts[cell] += 1;
    });
    return [...sums].map((sum, cell) => [counts[cell] ? sum / counts[cell] : null, counts[cell]]);
  }

  function draw(table) {
    const [row, column] = [Number(table.dataset.row), Number(table.dataset.column)];
    const others = data.knobs.map((_, knob) => knob).filter((knob) => knob !== row && knob !== column);
    const chosen = holds
      .filter((select) => select.value !== "")
      .map((select) => [Number(select.dataset.knob), Number(select.value)]);
    const held = chosen.filter(([knob]) => others.includes(knob));
    const found = means(row, column, held, data.figures[figure.value]);
    const largest = Math.max(0, ...found.map(([mean]) => (mean === null ? 0 : Math.abs(mean))));
    const write = WRITERS[data.formats[figure.value]];
    [...table.tBodies[0].querySelectorAll("td")].forEach((cell, place) => {
      const [mean, count] = found[place];
      cell.textContent = mean === null ? "\u2013" : write(mean);
      cell.className = mean === null ? "none" : mean >= 0 ? "up" : "down";
      cell.title = count + (count === 1 ? " spec" : " specs");
      cell.style.setProperty("--v", (mean === null || !largest ? 0 : Math.round((data.strongest * Math.abs(mean)) / largest)) + "%");
    });
    const fixed = held.map(([knob, level]) => data.knobs[knob] + "=" + data.levels[knob][level]);
    const free = others.filter((knob) => !held.some(([other]) => other === knob)).map((knob) => data.knobs[knob]);
    const parts = [...fixed, ...(free.length ? ["averaged over " + free.join(", ")] : [])];
    table.closest("figure").querySelector(".slice").textContent = parts.length ? ", " + parts.join(", ") : "";
  }

  function redraw() {
    document.querySelectorAll("table.heat").forEach(draw);
    document.querySelector(".shown").textContent = figure.selectedOptions[0].textContent;
    const others = document.querySelector(".others");
    if (holds.length) others.textContent = holds.some((select) => select.value !== "") ? "Knobs that are not held are averaged over." : "Other knobs are averaged over.";
  }

  [figure, ...holds].forEach((select) => select.addEventListener("change", redraw));
})();
