"use strict";
(() => {
  document.documentElement.classList.add("js");
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const NARROW = 560; // pixels, below which labels and histogram shrink
  const BIN_PIXELS = 11; // least height of a bar
  const REACH = 28; // pixels from the pointer to a dot that it points at
  const percent = (value, digits = 1) => {
    const text = (100 * value).toFixed(digits);
    return (Number(text) === 0 ? "" : value < 0 ? "\u2212" : "+") + text.replace("-", "") + "%";
  };
  const side = (value) => (value > 0 ? "up" : value < 0 ? "down" : "flat");
  const time = (day) => Date.parse(day + "T00:00:00Z");

  function add(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  // Round values from low to high in equal steps, about as many as asked for.
  function ticks(low, high, count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, n) => (first + n) * step);
  }

  // ---- A dot for each event by date and excess, the mean with its interval, and a histogram at the side.
  function dotChart(panel) {
    const { dots, own, event, series } = charts[panel.dataset.chart];
    const host = panel.querySelector(".chart");
    const title = panel.querySelector(".title");
    const times = dots.map(([date]) => time(date));
    let chosen = Object.keys(series)[0];
    let horizon = panel.querySelector("[aria-pressed=true][data-horizon]")?.dataset.horizon ?? "";
    let places = []; // of the dots drawn: index and position
    let pointed = null;
    let decimals = 1; // of percentages
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.setAttribute("role", "status");
    tip.hidden = true;

    function draw() {
      const { values, mean, low, high } = series[chosen][horizon];
      const width = host.clientWidth;
      const height = host.clientHeight;
      if (!width) return; // not shown
      const narrow = width < NARROW;
      const box = { left: 50, right: width - (narrow ? 62 : 190), top: 12, bottom: height - 26 };
      const known = values.filter((value) => value !== null);
      const ends = [...known, 0, ...[mean, low, high].filter((value) => value !== null)];
      const [least, most] = [Math.min(...ends), Math.max(...ends)];
      decimals = most - least < 0.1 ? 2 : 1;
      const margin = 0.05 * (most - least) || 0.01;
      const y = (value) => box.bottom - ((value - least + margin) / (most - least + 2 * margin)) * (box.bottom - box.top);
      const years = [new Date(Math.min(...times)).getUTCFullYear(), new Date(Math.max(...times)).getUTCFullYear() + 1];
      const [from, to] = years.map((year) => Date.UTC(year, 0, 1));
      const x = (date) => box.left + ((date - from) / (to - from)) * (box.right - box.left);
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("aria-hidden", "true");

      const marks = ticks(least - margin, most + margin, 6);
      const digits = marks.length > 1 && marks[1] - marks[0] < 0.01 ? 1 : 0;
      for (const mark of marks) {
        add(svg, "line", { class: "grid", x1: box.left, x2: box.right, y1: y(mark), y2: y(mark) });
        add(svg, "text", { x: box.left - 6, y: y(mark) + 4, "text-anchor": "end" }, percent(mark, digits));
      }
      const step = Math.ceil((years[1] - years[0]) / Math.max(2, (box.right - box.left) / 62));
      for (let year = Math.ceil(years[0] / step) * step; year < years[1]; year += step) {
        const at = x(Date.UTC(year, 0, 1));
        add(svg, "text", { x: at, y: height - 8, "text-anchor": "middle" }, year);
        add(svg, "line", { class: "grid", x1: at, x2: at, y1: box.bottom, y2: box.bottom + 5 });
      }

      drawHistogram(svg, known, y, box, box.right + 10, narrow ? 46 : 78);
      if (low !== null && high !== null) {
        add(svg, "rect", { class: "band", x: box.left, width: box.right - box.left, y: y(high), height: Math.max(1, y(low) - y(high)) });
      }
      add(svg, "line", { class: "zero", x1: box.left, x2: box.right, y1: y(0), y2: y(0) });
      if (mean !== null) {
        add(svg, "line", { class: "mean", x1: box.left, x2: box.right, y1: y(mean), y2: y(mean) });
        if (!narrow) add(svg, "text", { class: "of-mean", x: width - 2, y: y(mean) + 4, "text-anchor": "end" }, "mean " + percent(mean, decimals));
      }
      places = [];
      values.forEach((value, index) => {
        if (value === null) return;
        places.push({ index, x: x(times[index]), y: y(value) });
        if (index !== own) drawDot(svg, index, value);
      });
      if (own !== null && values[own] !== null) {
        drawDot(svg, own, values[own]);
        labelOwn(svg, values[own], box, narrow);
      }
      host.replaceChildren(svg, tip);
      title.textContent = series[chosen][horizon].title;
      pointed = null;
      tip.hidden = true;
    }

    const place = (index) => places.find((each) => each.index === index);

    function drawDot(svg, index, value) {
      const { x, y } = place(index);
      const kind = side(value) + (index === own ? " own" : "");
      add(svg, "circle", { class: "dot " + kind, cx: x, cy: y, r: index === own ? 7 : 4.5, "data-index": index });
    }

    // The name of this event in a corner where few dots are, joined to its dot by a line.
    function labelOwn(svg, value, box, narrow) {
      const { x, y } = place(own);
      const label = narrow ? event : `${event}, ${dots[own][1]}: ${percent(value)}`;
      const above = y > (box.top + box.bottom) / 2;
      const at = above ? box.top + 8 : box.bottom - 6;
      add(svg, "line", { class: "own-line", x1: x, x2: x, y1: above ? at + 5 : at - 12, y2: above ? y - 8 : y + 8 });
      add(svg, "text", { class: "own", x: Math.min(x + 20, box.right), y: at, "text-anchor": "end" }, label);
    }

    function drawHistogram(svg, known, y, box, left, width) {
      const edges = ticks(...[box.bottom, box.top].map((at) => valueAt(at, y)), Math.floor((box.bottom - box.top) / BIN_PIXELS));
      const size = edges[1] - edges[0];
      const counts = new Map();
      for (const value of known) {
        const bin = Math.floor(value / size + 1e-9);
        counts.set(bin, (counts.get(bin) ?? 0) + 1);
      }
      const highest = Math.max(...counts.values());
      for (const [bin, count] of counts) {
        const [top, bottom] = [y((bin + 1) * size), y(bin * size)];
        const bar = { class: "bar " + (bin >= 0 ? "up" : "down"), x: left, y: top + 0.5, width: (width * count) / highest, height: Math.max(1, bottom - top - 1) };
        add(add(svg, "rect", bar), "title", {}, `${percent(bin * size)} to ${percent((bin + 1) * size)}: ${count}`);
      }
    }

    // The value at a height, from the linear scale y.
    const valueAt = (at, y) => (at - y(0)) / (y(1) - y(0));

    function show(index) {
      const svg = host.querySelector("svg");
      svg.querySelector(".pointed")?.remove();
      pointed = index;
      tip.hidden = index === null;
      if (index === null) return;
      const [date, first, second] = dots[index];
      const { x, y } = place(index);
      add(svg, "circle", { class: "pointed", cx: x, cy: y, r: 8 });
      const heading = document.createElement("b");
      heading.textContent = `${date}  ${first}`;
      const excess = document.createElement("i");
      excess.textContent = `excess ${percent(series[chosen][horizon].values[index], decimals)}`;
      tip.replaceChildren(heading, second, document.createElement("br"), excess);
      const fits = x + 16 + tip.offsetWidth <= host.clientWidth;
      tip.style.left = Math.max(0, fits ? x + 16 : x - 16 - tip.offsetWidth) + "px";
      tip.style.top = Math.max(0, Math.min(host.clientHeight - tip.offsetHeight, y - tip.offsetHeight / 2)) + "px";
    }

    function nearest(pointer) {
      const { left, top } = host.getBoundingClientRect();
      const distance = (each) => Math.hypot(each.x - pointer.clientX + left, each.y - pointer.clientY + top);
      const closest = places.reduce((best, each) => (best && distance(best) <= distance(each) ? best : each), null);
      return closest && distance(closest) <= REACH ? closest.index : null;
    }

    for (const kind of ["pointermove", "pointerdown"]) host.addEventListener(kind, (pointer) => show(nearest(pointer)));
    host.addEventListener("pointerleave", (pointer) => pointer.pointerType === "mouse" && show(null));
    host.addEventListener("blur", () => show(null));
    host.addEventListener("keydown", (press) => {
      const { key } = press;
      if (key === "Escape") return show(null);
      const at = places.findIndex(({ index }) => index === pointed);
      const next = { ArrowLeft: at < 0 ? places.length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: places.length - 1 }[key];
      if (next === undefined || !places.length) return;
      press.preventDefault();
      show(places[Math.max(0, Math.min(places.length - 1, next))].index);
    });

    const readings = [...panel.querySelectorAll("[data-series]")];
    const horizons = [...panel.querySelectorAll("[data-horizon]")];
    function choose() {
      readings.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.series === chosen)));
      for (const button of horizons) {
        button.setAttribute("aria-pressed", String(button.dataset.horizon === horizon));
        button.querySelector(".n").textContent = series[chosen][button.dataset.horizon].n;
      }
      draw();
    }
    readings.forEach((button) => button.addEventListener("click", () => ((chosen = button.dataset.series), choose(), list(series, chosen))));
    horizons.forEach((button) => button.addEventListener("click", () => ((horizon = button.dataset.horizon), choose())));
    new ResizeObserver(draw).observe(host);
    draw();
  }

  // ---- The table of shocks shows the reading that is chosen in the chart.
  function list(series, chosen) {
    const table = document.getElementById("table-shocks");
    document.getElementById("listed").textContent = chosen;
    for (const row of table.tBodies[0].rows) {
      const cells = [...row.cells].slice(-Object.keys(series[chosen]).length);
      Object.values(series[chosen]).forEach(({ values }, column) => {
        const value = values[Number(row.dataset.shock)];
        const cell = cells[column];
        cell.textContent = value === null ? "\u2013" : percent(value);
        cell.dataset.sort = value === null ? "" : value;
        cell.className = value === null ? "" : side(value);
      });
    }
    table.dispatchEvent(new Event("change"));
  }

  document.querySelectorAll("[data-chart]").forEach(dotChart);
})();
