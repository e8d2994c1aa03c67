"use strict";
(() => {
  const root = document.documentElement;
  if (!window.uPlot) return; // the page was copied without its folder: tables only
  root.classList.add("js");
  const data = JSON.parse(document.getElementById("evidence").textContent);
  const FONT = "11px system-ui, sans-serif";
  const minus = (text) => text.replace("-", "\u2212");
  const percent = (value, digits = 0) => minus((100 * value).toFixed(digits) + "%");
  const excess = (d, digits = 1) => (d > 0 ? "+" : "") + percent(Math.expm1(d), digits); // of a log excess return
  const count = (n) => n.toLocaleString("en");
  const integers = (u, splits) => splits.map((split) => minus(String(split)));
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const faded = (name, part) => `color-mix(in srgb, ${colour(name)} ${part}%, ${colour("card")})`;
  const hosts = [];
  let charts = [];
  let horizon = data.timing && ("20" in data.timing ? "20" : Object.keys(data.timing)[0]);

  // ---- Common parts of the charts.

  // An axis of log excess returns with ticks at round percentages.
  const EXCESS_AXIS = {
    splits: (u, axis, low, high) => {
      const [from, to] = [Math.expm1(low), Math.expm1(high)];
      const rough = (to - from) / Math.max(2, u.bbox.width / devicePixelRatio / 80);
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
      const first = Math.ceil(from / step);
      return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, n) => Math.log1p((first + n) * step));
    },
    values: (u, splits) => splits.map((split) => minus(Number((100 * Math.expm1(split)).toFixed(2)) + "%")),
  };

  // A line of text near the pointer.
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
      const x = u.over.offsetLeft + left;
      const right = x + 14;
      const fits = right + box.offsetWidth <= host.clientWidth;
      box.style.left = Math.max(0, fits ? right : x - 14 - box.offsetWidth) + "px";
      box.style.top = Math.max(0, u.over.offsetTop + top - 34) + "px";
    };
  }

  function stroke(u, name, width, dash, segments) {
    const ratio = devicePixelRatio;
    const context = u.ctx;
    context.save();
    context.strokeStyle = colour(name);
    context.lineWidth = width * ratio;
    context.setLineDash(dash.map((length) => length * ratio));
    context.beginPath();
    for (const [from, to] of segments) {
      context.moveTo(...from);
      context.lineTo(...to);
    }
    context.stroke();
    context.restore();
  }

  function horizontalLine(value, name, thickness = 1, dash = []) {
    return (u) => {
      const { left, top, width, height } = u.bbox;
      const y = Math.round(u.valToPos(value, "y", true));
      if (y >= top && y <= top + height) stroke(u, name, thickness, dash, [[[left, y], [left + width, y]]]);
    };
  }

  function verticalLine(value, name, thickness = 1, dash = []) {
    return (u) => {
      const { left, top, width, height } = u.bbox;
      const x = Math.round(u.valToPos(value, "x", true));
      if (x >= left && x <= left + width) stroke(u, name, thickness, dash, [[[x, top], [x, top + height]]]);
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
      const textWidth = context.measureText(text).width;
      const x = u.valToPos(value, "x", true) - textWidth / 2;
      context.fillText(text, Math.min(Math.max(x, left), left + width - textWidth), top - 4 * ratio);
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

  // Of log excess returns, or of statistics, which are plain numbers.
  function histogram(host, height, { start, width, counts, marked, real }, write = excess, axis = EXCESS_AXIS) {
    const x = counts.map((_, bin) => start + (bin + 0.5) * width);
    const end = start + counts.length * width;
    const highest = Math.max(...counts);
    const rug = (u) => {
      const bottom = u.bbox.top + u.bbox.height;
      const length = 9 * devicePixelRatio;
      const ticks = marked.map((value) => u.valToPos(value, "x", true)).map((x) => [[x, bottom], [x, bottom - length]]);
      stroke(u, "line-1", 1.5, [], ticks);
    };
    const realLine = real === null ? [] : [verticalLine(real, "ink", 2.5), label(real, "real: " + write(real))];
    return plot(host, height, [x, counts], {
      top: 24,
      points: { show: false },
      scales: { x: { time: false, range: [start, end] }, y: { range: [-0.07 * highest, 1.04 * highest] } },
      axes: [
        axis,
        { values: (u, splits) => splits.map((split) => (split < 0 || split % 1 ? "" : count(split))) },
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
      behind: [verticalLine(0, "mark", 1)],
      before: [rug, ...realLine],
      tip: (bin) => `${write(start + bin * width)} to ${write(start + (bin + 1) * width)}: ${count(counts[bin])}`,
    });
  }

  function countSentence({ n, missing }, what) {
    const undefinedCount = missing ? ` ${count(missing)} more have no result: the prices end too early, or ruin.` : "";
    return `${count(n)} ${what}.${undefinedCount}`;
  }

  function timing(host, height) {
    const drawing = data.timing[horizon];
    const separate = `${drawing.marked.length} of them do not overlap with the real one and with each other`;
    document.getElementById("count-timing").textContent = countSentence(drawing, `entries; ${separate}`);
    document.querySelectorAll("[data-horizon]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.horizon === horizon));
    });
    return histogram(host, height, drawing);
  }

  function stocks(host, height) {
    document.getElementById("count-stocks").textContent = countSentence(data.stocks, "draws");
    return histogram(host, height, data.stocks, (value) => minus(value.toFixed(3)), { values: integers });
  }

  const P_LINES = {
    timing: { label: "timing", colour: "line-0", dash: [] },
    "timing-adjusted": { label: "timing, adjusted", colour: "line-0", dash: [5, 4] },
  };

  function pValues(host, height) {
    const { ticks, lines, size } = data.p;
    const names = Object.keys(lines);
    const indexes = ticks.map((_, index) => index);
    const smallest = Math.min(...Object.values(lines).flat().filter((value) => value !== null));
    const low = Math.min(0.01, 10 ** Math.floor(Math.log10(Math.max(smallest, 1e-5))));
    const powers = [1, 0.1, 0.01, 0.001, 0.0001, 0.00001].filter((power) => power >= low);
    return plot(host, height, [indexes, ...names.map((name) => lines[name])], {
      scales: { x: { time: false, range: [-0.4, ticks.length - 0.6] }, y: { distr: 3, range: [low, 1.3] } },
      axes: [
        { splits: () => indexes, values: () => ticks, grid: { show: false } },
        { splits: () => powers, filter: (u, splits) => splits, values: () => powers.map(String) },
      ],
      series: names.map((name) => ({
        stroke: colour(P_LINES[name].colour),
        width: 2,
        dash: P_LINES[name].dash,
        spanGaps: false,
        points: { show: true, size: 7, fill: colour("card"), stroke: colour(P_LINES[name].colour), width: 2 },
      })),
      behind: [horizontalLine(size, "loss", 1.5, [4, 3])],
      tip: (index) =>
        names
          .filter((name) => lines[name][index] !== null)
          .map((name) => `${P_LINES[name].label} ${lines[name][index].toFixed(4)}`)
          .join("; "),
    });
  }

  function power(host, height) {
    const { effects, shares } = data.power;
    return plot(host, height, [effects, shares], {
      scales: { x: { time: false, range: [Math.min(0, 1.04 * Math.min(...effects)), 1.04 * Math.max(...effects)] }, y: { range: [-0.02, 1.05] } },
      axes: [
        EXCESS_AXIS,
        { splits: () => [0, 0.2, 0.4, 0.6, 0.8, 1], values: (u, splits) => splits.map((split) => percent(split)) },
      ],
      series: [{ stroke: colour("line-0"), width: 2, points: { show: true, size: 7, fill: colour("card"), width: 2 } }],
      behind: [horizontalLine(0.8, "mark", 1.5, [4, 3])],
      tip: (index) => `effect ${excess(effects[index])}: found in ${percent(shares[index])}`,
    });
  }

  function abnormalReturns(host, height, { days, low, high, car }) {
    return plot(host, height, [days, high, low, car], {
      scales: { x: { time: false, range: [days[0], Math.max(...days)] }, y: { range: commonRange() } },
      axes: [
        { space: 34, incrs: [1, 2, 5, 10], values: integers },
        { values: (u, splits) => splits.map((split) => percent(split)) },
      ],
      series: [
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: colour("line-0"), width: 2, points: { show: false } },
      ],
      bands: [{ series: [1, 2], fill: faded("line-0", 22) }],
      behind: [],
      before: [horizontalLine(0, "ink", 1), verticalLine(0, "mark", 1, [3, 4])],
      tip: (index) => {
        if (car[index] === null) return "";
        return `day ${days[index]}: ${percent(car[index], 1)} (${percent(low[index], 1)} to ${percent(high[index], 1)})`;
      },
    });
  }

  // One y range for all legs.
  function commonRange() {
    const ends = data.paths.flatMap((path) => [...path.low, ...path.high]).filter((value) => value !== null);
    const margin = 0.05 * (Math.max(...ends) - Math.min(...ends));
    return [Math.min(...ends) - margin, Math.max(...ends) + margin];
  }

  function register(id, draw) {
    const host = document.getElementById(id);
    if (host) hosts.push({ host, draw });
  }

  if (data.timing) register("chart-timing", (host) => timing(host, 300));
  if (data.stocks) register("chart-stocks", (host) => stocks(host, 300));
  if (data.p) register("chart-p", (host) => pValues(host, 260));
  if (data.power) register("chart-power", (host) => power(host, 240));
  (data.paths ?? []).forEach((path, leg) => register("chart-path-" + leg, (host) => abnormalReturns(host, 260, path)));

  function build() {
    charts.forEach((chart) => chart.destroy());
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
  const observer = new ResizeObserver(() => {
    charts.forEach((chart, index) => {
      const width = hosts[index].host.clientWidth;
      if (chart.width !== width) chart.setSize({ width, height: chart.height });
    });
  });
  hosts.forEach(({ host }) => observer.observe(host));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  for (const [moment, paper] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(moment, () => {
      root.classList.toggle("paper", paper);
      build();
    });
  }
})();
