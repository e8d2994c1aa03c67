"use strict";
(() => {
  const root = document.documentElement;
  if (!window.uPlot) return; // this page without its folder: tables only
  root.classList.add("js");
  const data = JSON.parse(document.getElementById("evidence").textContent);
  const FONT = "11px system-ui, sans-serif";
  const minus = (text) => text.replace("-", "\u2212");
  const signed = (value, digits) => minus((value > 0 ? "+" : "") + value.toFixed(digits));
  const percent = (value, digits = 0) => minus((100 * value).toFixed(digits) + "%");
  const d = (value) => minus(String(Number(value.toFixed(4))));
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const faded = (name, part) => `color-mix(in srgb, ${colour(name)} ${part}%, ${colour("card")})`;
  const hosts = [];
  let charts = [];
  let horizon = data.timing && ("20" in data.timing ? "20" : Object.keys(data.timing)[0]);

  // ---- What all charts share.

  // A line of words beside the pointer.
  function tip(host, write) {
    const box = document.createElement("div");
    box.className = "tip";
    box.hidden = true;
    host.append(box);
    return (u) => {
      const { idx, left, top } = u.cursor;
      const text = idx == null || left < 0 ? "" : write(idx);
      box.hidden = text === "";
      if (box.hidden) return;
      box.textContent = text;
      const place = u.over.offsetLeft + left;
      const beside = place + 14 + box.offsetWidth > host.clientWidth ? place - 14 - box.offsetWidth : place + 14;
      box.style.left = Math.max(0, beside) + "px";
      box.style.top = Math.max(0, u.over.offsetTop + top - 34) + "px";
    };
  }

  function stroke(u, name, width, dash, ends) {
    const ratio = devicePixelRatio;
    const context = u.ctx;
    context.save();
    context.strokeStyle = colour(name);
    context.lineWidth = width * ratio;
    context.setLineDash(dash.map((length) => length * ratio));
    context.beginPath();
    for (const [from, to] of ends) {
      context.moveTo(...from);
      context.lineTo(...to);
    }
    context.stroke();
    context.restore();
  }

  function across(value, name, width = 1, dash = []) {
    return (u) => {
      const { left, top, width: wide, height } = u.bbox;
      const at = Math.round(u.valToPos(value, "y", true));
      if (at >= top && at <= top + height) stroke(u, name, width, dash, [[[left, at], [left + wide, at]]]);
    };
  }

  function upright(value, name, width = 1, dash = []) {
    return (u) => {
      const { left, top, width: wide, height } = u.bbox;
      const at = Math.round(u.valToPos(value, "x", true));
      if (at >= left && at <= left + wide) stroke(u, name, width, dash, [[[at, top], [at, top + height]]]);
    };
  }

  function label(value, text) {
    return (u) => {
      const ratio = devicePixelRatio;
      const { left, top, width } = u.bbox;
      const context = u.ctx;
      context.save();
      context.font = "600 " + FONT.replace("11", 11 * ratio);
      context.fillStyle = colour("ink");
      context.textBaseline = "bottom";
      context.textAlign = "left";
      const wide = context.measureText(text).width;
      const at = u.valToPos(value, "x", true) - wide / 2;
      context.fillText(text, Math.min(Math.max(at, left), left + width - wide), top - 4 * ratio);
      context.restore();
    };
  }

  function plot(host, height, columns, options) {
    const axis = { stroke: colour("soft"), font: FONT, grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
    const [x, y] = options.axes;
    return new uPlot(
      {
        width: host.clientWidth,
        height,
        padding: [options.top ?? 10, 12, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, y: false, points: { size: 6, ...options.points } },
        scales: options.scales,
        axes: [
          { ...axis, size: 30, ...x },
          { ...axis, size: 48, ...y },
        ],
        series: [{}, ...options.series],
        bands: options.bands,
        hooks: { drawAxes: options.behind ?? [], draw: options.before ?? [], setCursor: [tip(host, options.tip)] },
      },
      columns,
      host,
    );
  }

  // ---- The charts.

  function histogram(host, drawn, height) {
    const { start, width, counts, marked, real } = drawn;
    const x = counts.map((_, bin) => start + (bin + 0.5) * width);
    const end = start + counts.length * width;
    const highest = Math.max(...counts);
    const rug = (u) => {
      const { top, height: high } = u.bbox;
      const bottom = top + high;
      const long = 9 * devicePixelRatio;
      const ends = marked.map((value) => u.valToPos(value, "x", true)).map((at) => [[at, bottom], [at, bottom - long]]);
      stroke(u, "line-1", 1.5, [], ends);
    };
    const shown = real === null ? [] : [upright(real, "ink", 2.5), label(real, "real: d = " + signed(real, 3))];
    return plot(host, height, [x, counts], {
      top: 24,
      points: { show: false },
      scales: { x: { time: false, range: [start, end] }, y: { range: [-0.07 * highest, 1.04 * highest] } },
      axes: [
        { values: (u, splits) => splits.map(d), space: 56 },
        { values: (u, splits) => splits.map((split) => (split < 0 || split % 1 ? "" : split.toLocaleString("en"))) },
      ],
      series: [
        {
          fill: faded("line-0", 55),
          stroke: colour("line-0"),
          width: 0.5,
          paths: uPlot.paths.bars({ size: [1, Infinity], gap: 1 }),
          points: { show: false },
        },
      ],
      behind: [upright(0, "mark", 1)],
      before: [rug, ...shown],
      tip: (bin) =>
        `d ${minus((start + bin * width).toFixed(3))} to ${minus((start + (bin + 1) * width).toFixed(3))}: ${counts[bin].toLocaleString("en")}`,
    });
  }

  function counted(drawn, what) {
    const missing = drawn.missing ? ` ${drawn.missing.toLocaleString("en")} more have no number: the prices end before, or ruin.` : "";
    return `${drawn.n.toLocaleString("en")} ${what}.${missing}`;
  }

  function timing(host, height) {
    const drawn = data.timing[horizon];
    const apart = `${drawn.marked.length} of them do not overlap with the real one and with each other`;
    document.getElementById("count-timing").textContent = counted(drawn, `launches; ${apart}`);
    document.querySelectorAll("[data-horizon]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.horizon === horizon));
    });
    return histogram(host, drawn, height);
  }

  function names(host, height) {
    document.getElementById("count-names").textContent = counted(data.names, "draws");
    return histogram(host, data.names, height);
  }

  const LINES = {
    timing: ["line-0", []],
    "timing-family": ["line-0", [5, 4]],
    names: ["line-1", []],
    "names-family": ["line-1", [5, 4]],
  };
  const WORDS = { timing: "timing", "timing-family": "timing, family-wise", names: "names", "names-family": "names, family-wise" };

  function probabilities(host, height) {
    const { ticks, lines, size } = data.p;
    const shown = Object.keys(lines);
    const least = Math.min(...Object.values(lines).flat().filter((value) => value !== null));
    const low = Math.min(0.01, 10 ** Math.floor(Math.log10(Math.max(least, 1e-5))));
    const powers = [1, 0.1, 0.01, 0.001, 0.0001, 0.00001].filter((power) => power >= low);
    return plot(host, height, [ticks.map((_, place) => place), ...shown.map((name) => lines[name])], {
      scales: { x: { time: false, range: [-0.4, ticks.length - 0.6] }, y: { distr: 3, range: [low, 1.3] } },
      axes: [
        { splits: () => ticks.map((_, place) => place), values: () => ticks, grid: { show: false } },
        { splits: () => powers, filter: (u, splits) => splits, values: () => powers.map(String) },
      ],
      series: shown.map((name) => ({
        stroke: colour(LINES[name][0]),
        width: 2,
        dash: LINES[name][1],
        spanGaps: false,
        points: { show: true, size: 7, fill: colour("card"), stroke: colour(LINES[name][0]), width: 2 },
      })),
      behind: [across(size, "loss", 1.5, [4, 3])],
      tip: (place) => {
        const found = shown.filter((name) => lines[name][place] !== null);
        return found.map((name) => `${WORDS[name]} ${lines[name][place].toFixed(4)}`).join("; ");
      },
    });
  }

  function power(host, height) {
    const { effects, shares } = data.power;
    return plot(host, height, [effects, shares], {
      scales: { x: { time: false, range: [0, 1.04 * Math.max(...effects)] }, y: { range: [-0.02, 1.05] } },
      axes: [
        { values: (u, splits) => splits.map(d), space: 80 },
        { splits: () => [0, 0.2, 0.4, 0.6, 0.8, 1], values: (u, splits) => splits.map((split) => percent(split)) },
      ],
      series: [{ stroke: colour("line-0"), width: 2, points: { show: true, size: 7, fill: colour("card"), width: 2 } }],
      behind: [across(0.8, "mark", 1.5, [4, 3])],
      tip: (place) => `d = ${signed(effects[place], 2)}: found in ${percent(shares[place])}`,
    });
  }

  function path(host, height, drawn, range) {
    const ink = colour("line-0");
    return plot(host, height, [drawn.days, drawn.high, drawn.low, drawn.car], {
      scales: { x: { time: false, range: [drawn.days[0], Math.max(...drawn.days)] }, y: { range } },
      axes: [{ space: 34, incrs: [1, 2, 5, 10], values: (u, splits) => splits.map(d) }, { values: (u, splits) => splits.map((split) => percent(split)) }],
      series: [
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: ink, width: 2, points: { show: false } },
      ],
      bands: [{ series: [1, 2], fill: faded("line-0", 22) }],
      behind: [],
      before: [across(0, "ink", 1), upright(0, "mark", 1, [3, 4])],
      tip: (place) =>
        drawn.car[place] === null
          ? ""
          : `day ${drawn.days[place]}: ${percent(drawn.car[place], 1)} (${percent(drawn.low[place], 1)} to ${percent(drawn.high[place], 1)})`,
    });
  }

  function spread() {
    const known = data.paths.flatMap((each) => [...each.low, ...each.high]).filter((value) => value !== null);
    const room = 0.05 * (Math.max(...known) - Math.min(...known));
    return [Math.min(...known) - room, Math.max(...known) + room];
  }

  function place(id, draw) {
    const host = document.getElementById(id);
    if (host) hosts.push({ host, draw });
  }

  if (data.timing) place("chart-timing", (host) => timing(host, 300));
  if (data.names) place("chart-names", (host) => names(host, 300));
  if (data.p) place("chart-p", (host) => probabilities(host, 260));
  if (data.power) place("chart-power", (host) => power(host, 240));
  (data.paths ?? []).forEach((each, leg) => place("chart-path-" + leg, (host) => path(host, 260, each, spread())));

  function build() {
    charts.forEach((each) => each.destroy());
    charts = hosts.map(({ host, draw }) => {
      host.replaceChildren();
      return draw(host);
    });
  }

  document.querySelectorAll("[data-horizon]").forEach((button) => {
    button.addEventListener("click", () => {
      horizon = button.dataset.horizon;
      build();
    });
  });
  build();
  const watch = new ResizeObserver(() => {
    charts.forEach((each, place) => {
      const width = hosts[place].host.clientWidth;
      if (each.width !== width) each.setSize({ width, height: each.height });
    });
  });
  hosts.forEach(({ host }) => watch.observe(host));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  for (const [moment, paper] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(moment, () => {
      root.classList.toggle("paper", paper);
      build();
    });
  }
})();
