"use strict";
(() => {
  document.documentElement.classList.add("js");

  // ---- Sort the table by a click on a heading. Undefined values stay last; ranks and parameters sort upwards first.
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column, heads) => {
      const button = head.querySelector("button");
      if (!button) return;
      const key = (row) => (row.cells[column].dataset.sort === "" ? null : Number(row.cells[column].dataset.sort));
      button.disabled = false;
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const upFirst = column === 0 || body.rows[0].cells[column].classList.contains("parameter");
        const up = before ? before === "descending" : upFirst;
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

  // ---- Heatmaps: means of the chosen figure over the variants that have the fixed values.
  const data = JSON.parse(document.getElementById("sweep").textContent);
  const figure = document.getElementById("figure");
  if (!figure) return;
  const selects = [...document.querySelectorAll("select.fixed")];
  const withSign = (text) => (/[1-9]/.test(text) ? text.replace("-", "\u2212") : text.replace(/^[+-]/, "")); // no sign on zero
  const signed = (value, digits) => (value < 0 ? "" : "+") + value.toFixed(digits);
  const percent = (value) => withSign(signed(100 * value, 1) + "%");
  // By the names of the functions of numbers.py.
  const FORMATS = {
    percent,
    ratio: (value) => withSign(value.toFixed(2)),
    excess_percent: (d) => percent(Math.expm1(d)),
  };

  function means(row, column, fixed, values) {
    const width = data.levels[column].length;
    const sums = new Float64Array(data.levels[row].length * width);
    const counts = new Uint32Array(sums.length);
    values.forEach((value, variant) => {
      if (value === null || fixed.some(([parameter, level]) => data.codes[parameter][variant] !== level)) return;
      const cell = data.codes[row][variant] * width + data.codes[column][variant];
      sums[cell] += value;
      counts[cell] += 1;
    });
    return [...sums].map((sum, cell) => [counts[cell] ? sum / counts[cell] : null, counts[cell]]);
  }

  function draw(table) {
    const [row, column] = [Number(table.dataset.row), Number(table.dataset.column)];
    const others = data.parameters.map((_, index) => index).filter((index) => index !== row && index !== column);
    const fixed = selects
      .filter((select) => select.value !== "")
      .map((select) => [Number(select.dataset.parameter), Number(select.value)])
      .filter(([parameter]) => others.includes(parameter));
    const cells = means(row, column, fixed, data.figures[figure.value]);
    const largest = Math.max(0, ...cells.map(([mean]) => (mean === null ? 0 : Math.abs(mean))));
    const format = FORMATS[data.formats[figure.value]];
    [...table.tBodies[0].querySelectorAll("td")].forEach((cell, index) => {
      const [mean, count] = cells[index];
      cell.textContent = mean === null ? "\u2013" : format(mean);
      cell.className = mean === null ? "none" : mean >= 0 ? "up" : "down";
      cell.title = count + (count === 1 ? " variant" : " variants");
      cell.style.setProperty("--v", (mean === null || !largest ? 0 : Math.round((data.strongest * Math.abs(mean)) / largest)) + "%");
    });
    const settings = fixed.map(([parameter, level]) => data.parameters[parameter] + "=" + data.levels[parameter][level]);
    const averaged = others.filter((index) => !fixed.some(([parameter]) => parameter === index)).map((index) => data.parameters[index]);
    const parts = [...settings, ...(averaged.length ? ["averaged over " + averaged.join(", ")] : [])];
    table.closest("figure").querySelector(".slice").textContent = parts.length ? ", " + parts.join(", ") : "";
  }

  function redraw() {
    document.querySelectorAll("table.heat").forEach(draw);
    document.querySelector(".shown").textContent = figure.selectedOptions[0].textContent;
    if (!selects.length) return;
    const anyFixed = selects.some((select) => select.value !== "");
    document.querySelector(".others").textContent = `Results are averaged over the other parameters${anyFixed ? " that are not fixed" : ""}.`;
  }

  [figure, ...selects].forEach((select) => select.addEventListener("change", redraw));
})();
