"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // ---- Charts of growth and drawdown; they share dates, lines, cursor and zoom.
  if (!window.uPlot) {
    document.querySelectorAll(".drawn").forEach((part) => part.remove());
    document.querySelector(".missing-library").hidden = false;
    return;
  }
  const data = JSON.parse(document.getElementById("run").textContent);
  const seconds = (day) => Date.parse(day + "T00:00:00Z") / 1000;
  const day = (time) => new Date(time * 1000).toISOString().slice(0, 10);
  const first = data.sessions[0];
  const earlier = [...new Set(data.marks.map((mark) => mark.date).filter((date) => date < first))].sort(); // before the entry
  const x = [...earlier, ...data.sessions].map(seconds);
  const growth = data.lines.map((line) => [...earlier.map(() => null), ...line.values]);
  const drawdown = growth.map((values) => {
    let peak = 0;
    return values.map((value) => (value === null ? null : value / (peak = Math.max(peak, value)) - 1));
  });
  const minus = (text) => text.replace("-", "\u2212");
  // The number of decimals that all ticks need.
  const decimals = (ticks) => [0, 1, 2, 3, 4, 5].find((n) => ticks.every((tick) => Math.abs(tick * 10 ** n - Math.round(tick * 10 ** n)) < 1e-6)) ?? 6;
  const percents = (ticks) => {
    const shares = ticks.map((tick) => 100 * tick);
    return shares.map((share) => minus(share.toFixed(decimals(shares)) + "%"));
  };
  const asGrowth = (value) => (value == null ? "\u2013" : minus(value.toFixed(3)));
  const asPercent = (value) => (value == null ? "\u2013" : minus((100 * value).toFixed(1) + "%"));
  const buttons = [...document.querySelectorAll(".legend button")];
  const visible = buttons.map(() => true);
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const DASHES = [[], [8, 5], [2, 4]];
  const FONT = "11px system-ui, sans-serif";
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  let charts = [];
  let holdingsChart = null;
  let zoom = null; // first and last time of both charts, null for the whole window
  let logarithmic = false;
  const scrub = document.getElementById("session");

  // Show the date at the cursor and its values in the legend and in the text of the slider.
  function legend(cursorIndex) {
    const index = cursorIndex ?? x.length - 1;
    scrub.value = Math.max(0, index - earlier.length);
    const values = data.lines.map(({ name }, line) => (visible[line] ? `${name} ${asGrowth(growth[line][index])}` : ""));
    scrub.setAttribute("aria-valuetext", `${day(x[index])}: ${values.filter(Boolean).join(", ")}`);
    document.getElementById("when").textContent = day(x[index]);
    buttons.forEach((button, line) => {
      const [growthCell, drawdownCell] = button.querySelectorAll(".value");
      growthCell.textContent = asGrowth(growth[line][index]);
      drawdownCell.textContent = asPercent(drawdown[line][index]);
    });
  }

  // Labels of the date axis: months, or days when zoomed in, with the year below wherever it changes.
  function dates(u, splits, axis, space, step) {
    let year = null;
    return splits.map((time) => {
      const date = new Date(time * 1000);
      const name = MONTHS[date.getUTCMonth()];
      const text = step >= 28 * 86400 ? name : step < 86400 ? (time % 86400 ? "" : date.getUTCDate() + " " + name) : date.getUTCDate() + " " + name;
      const under = date.getUTCFullYear() === year ? "" : "\n" + (year = date.getUTCFullYear());
      return text + under;
    });
  }

  const PAPER = 1000; // width of a landscape A4 page in pixels
  const brief = (label) => (label.length > 28 ? label.slice(0, 27) + "\u2026" : label);
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = FONT;
  const labelStrip = data.marks.reduce((most, mark) => Math.max(most, ruler.measureText(brief(mark.label)).width), 0) + 20;

  // Vertical lines behind the curves, with labels in a strip above that are moved apart if dates are close.
  function marks(labelled) {
    return (u) => {
      const ratio = devicePixelRatio;
      const { left, top, width, height } = u.bbox;
      const context = u.ctx;
      let free = -Infinity;
      context.save();
      context.font = FONT.replace("11", 11 * ratio);
      context.textAlign = "left";
      context.textBaseline = "middle";
      for (const mark of data.marks) {
        const at = Math.round(u.valToPos(seconds(mark.date), "x", true));
        if (at < left - 1 || at > left + width + 1) continue;
        const event = mark.kind === "event";
        context.strokeStyle = colour(event ? "ink" : "mark");
        context.fillStyle = colour(event ? "ink" : "soft");
        context.lineWidth = ratio;
        context.setLineDash(event ? [] : [3 * ratio, 4 * ratio]);
        context.globalAlpha = event ? 0.75 : 0.6;
        const label = Math.max(at, free);
        context.beginPath();
        context.moveTo(at, top + height);
        context.lineTo(at, top);
        if (labelled) context.lineTo(label, top - 8 * ratio);
        context.stroke();
        if (!labelled) continue;
        free = label + 14 * ratio;
        context.globalAlpha = 1;
        context.save();
        context.translate(label, top - 11 * ratio);
        context.rotate(-Math.PI / 2);
        context.fillText(brief(mark.label), 0, 0);
        context.restore();
      }
      context.restore();
    };
  }

  function horizontalLine(value) {
    return (u) => {
      const at = Math.round(u.valToPos(value, "y", true));
      const { left, top, width, height } = u.bbox;
      if (at < top || at > top + height) return;
      u.ctx.save();
      u.ctx.strokeStyle = colour("mark");
      u.ctx.lineWidth = devicePixelRatio;
      u.ctx.beginPath();
      u.ctx.moveTo(left, at);
      u.ctx.lineTo(left + width, at);
      u.ctx.stroke();
      u.ctx.restore();
    };
  }

  const MOST_LINES = 14; // in the tooltip; more would hide the chart

  // Tooltip: the date and the values of the visible lines nearest to the pointer, the highest first, the nearest in bold.
  function tip(host, write) {
    const box = document.createElement("div");
    box.className = "tip";
    box.hidden = true;
    host.append(box);
    return (u) => {
      const { idx, left, top } = u.cursor;
      box.hidden = true;
      if (idx == null || left < 0) return legend(null);
      legend(idx);
      if (!host.matches(":hover") && u !== charts[0]) return;
      const lines = data.lines.map((_, line) => line).filter((line) => visible[line] && u.data[line + 1][idx] != null);
      const distance = (line) => Math.abs(u.valToPos(u.data[line + 1][idx], "y") - top);
      const nearest = [...lines].sort((a, b) => distance(a) - distance(b)).slice(0, MOST_LINES);
      const rows = [...nearest].sort((a, b) => u.data[b + 1][idx] - u.data[a + 1][idx]);
      const table = document.createElement("table");
      for (const line of rows) {
        const row = table.insertRow();
        if (line === nearest[0]) row.className = "nearest";
        const name = row.insertCell();
        name.append(buttons[line].querySelector(".swatch").cloneNode(true), data.lines[line].name);
        row.insertCell().textContent = write(line, idx);
      }
      const rest = lines.length - rows.length;
      box.replaceChildren(day(u.data[0][idx]), table, ...(rest ? [`and ${rest} more`] : []));
      placeTip(box, host, u);
    };
  }

  function placeTip(box, host, u) {
    const { left, top } = u.cursor;
    box.hidden = false;
    const pointer = u.over.offsetLeft + left;
    const fits = pointer + 14 + box.offsetWidth <= host.clientWidth;
    box.style.left = Math.max(0, fits ? pointer + 14 : pointer - 14 - box.offsetWidth) + "px";
    box.style.top = Math.max(0, Math.min(host.clientHeight - box.offsetHeight, u.over.offsetTop + top - box.offsetHeight / 2)) + "px";
  }

  // Shade the days before the entry, when nothing is held.
  function shadeBeforeEntry(u) {
    if (!earlier.length) return;
    const { left, top, width, height } = u.bbox;
    const end = Math.min(left + width, u.valToPos(seconds(first), "x", true));
    if (end <= left) return;
    u.ctx.save();
    u.ctx.fillStyle = colour("stripe");
    u.ctx.fillRect(left, top, end - left, height);
    if (end - left > 110 * devicePixelRatio) {
      u.ctx.fillStyle = colour("soft");
      u.ctx.font = FONT.replace("11", 11 * devicePixelRatio);
      u.ctx.textAlign = "center";
      u.ctx.fillText("nothing held yet", (left + end) / 2, top + 18 * devicePixelRatio);
    }
    u.ctx.restore();
  }

  // Ticks of an axis of logs at round values: even steps, or powers of ten times 1, 2 and 5 on a wide range.
  function logTicks(u, axis, low, high) {
    const [from, to] = [Math.exp(low), Math.exp(high)];
    if (to / from > 6) {
      const powers = Array.from({ length: 12 }, (_, n) => 10 ** (n - 6));
      return powers.flatMap((power) => [1, 2, 5].map((value) => Math.log(value * power))).filter((at) => at >= low && at <= high);
    }
    const rough = (to - from) / 6;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough);
    const first = Math.ceil(from / step);
    return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, n) => Math.log((first + n) * step));
  }

  function chart(id, values, height, base, labelled, write, digits, logs = false) {
    const host = document.getElementById(id);
    host.replaceChildren();
    const axis = { stroke: colour("soft"), font: FONT, grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
    const options = {
      width: root.classList.contains("paper") ? PAPER : host.clientWidth,
      height,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      padding: [labelled ? labelStrip : 8, 12, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "readings" }, drag: { x: true, y: false }, points: { size: 6 }, y: false },
      focus: { alpha: 0.18 },
      scales: { x: { time: true } },
      axes: [
        { ...axis, values: dates, size: 40, space: 46 },
        { ...axis, size: 52, values: (u, splits) => digits(splits), ...(logs && { splits: logTicks }) },
      ],
      series: [
        {},
        ...buttons.map((button, line) => ({
          label: data.lines[line].name,
          show: visible[line],
          stroke: colour(button.dataset.colour),
          width: line === 0 ? 3 : 1.6,
          dash: DASHES[Number(button.dataset.dash)],
          points: { show: false },
        })),
      ],
      hooks: { drawClear: [shadeBeforeEntry], drawAxes: [horizontalLine(base), marks(labelled)], setCursor: [tip(host, write)], setScale: [zoomed] },
    };
    return new uPlot(options, [x, ...values], host);
  }

  // Remember the zoom, and mark the button of the range that is shown.
  function zoomed(u, key) {
    if (key !== "x" || !charts.includes(u)) return;
    const { min, max } = u.scales.x;
    zoom = min <= x[0] && max >= x[x.length - 1] ? null : [min, max];
    for (const button of rangeButtons) {
      const { first: from, last: to } = range(button);
      button.setAttribute("aria-pressed", String(from === day(min) && to === day(max)));
    }
    const pressed = rangeButtons.find((button) => button.getAttribute("aria-pressed") === "true");
    rangeNote.textContent = pressed ? range(pressed).note : "";
    rangeNote.hidden = rangeNote.textContent === "";
  }

  const rangeNote = document.getElementById("range-note");
  const rangeButtons = [...document.querySelectorAll("[data-range]")];
  const range = (button) => data.ranges.find(({ key }) => key === button.dataset.range);
  const zoomTo = ([min, max]) => charts.forEach((each) => each.setScale("x", { min, max }));
  rangeButtons.forEach((button) =>
    button.addEventListener("click", () => zoomTo([range(button).first, range(button).last].map(seconds))),
  );
  document.getElementById("log").addEventListener("click", (event) => {
    logarithmic = !logarithmic;
    event.currentTarget.setAttribute("aria-pressed", String(logarithmic));
    build();
  });
  scrub.addEventListener("input", () => {
    const [u] = charts;
    const at = Number(scrub.value) + earlier.length;
    if (x[at] < u.scales.x.min || x[at] > u.scales.x.max) zoomTo([x[0], x[x.length - 1]]);
    queueMicrotask(() => u.setCursor({ left: u.valToPos(x[at], "x"), top: u.over.clientHeight / 2 })); // after the zoom
  });

  // ---- Holdings of one reading: positions stacked from zero, longs above, shorts below, and net exposure as a line.
  const holder = document.getElementById("holder");
  const dark = () => getComputedStyle(root).getPropertyValue("--card").trim() !== "#fff";
  const tone = (n) => `hsl(${(205 + n * 137.5) % 360} ${dark() ? 45 : 50}% ${(dark() ? [56, 42] : [50, 66])[n % 2]}%)`;

  function holdings() {
    const host = document.getElementById("held");
    const keys = document.getElementById("held-keys");
    if (holdingsChart) holdingsChart.destroy();
    host.replaceChildren();
    const { symbols, weights } = data.holdings[Number(holder.value)];
    const parts = weights.map((values) => values.map((value) => value / 10000));
    const times = data.sessions.map(seconds);
    const net = times.map((_, at) => parts.reduce((sum, values) => sum + values[at], 0));
    const areas = [];
    for (const sign of [1, -1]) {
      const sum = times.map(() => 0);
      parts.forEach((values, n) => {
        if (!values.some((value) => sign * value > 0)) return;
        values.forEach((value, at) => (sum[at] += sign * value > 0 ? value : 0));
        areas.unshift({ n, values: [...sum] });
      });
    }
    const axis = { stroke: colour("soft"), font: FONT, grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
    const box = document.createElement("div");
    box.className = "tip";
    box.hidden = true;
    const read = (u) => {
      const { idx, left } = u.cursor;
      box.hidden = true;
      const at = idx ?? times.length - 1;
      const gross = parts.reduce((total, values) => total + Math.abs(values[at]), 0);
      document.getElementById("held-when").textContent = `${day(times[at])}: net ${asPercent(net[at])}, gross ${asPercent(gross)}`;
      if (idx == null || left < 0) return;
      const table = document.createElement("table");
      const order = symbols.map((_, n) => n).filter((n) => parts[n][at] !== 0).sort((a, b) => parts[b][at] - parts[a][at]);
      for (const n of order.slice(0, 20)) {
        const row = table.insertRow();
        const chip = document.createElement("i");
        chip.style.background = tone(n);
        row.insertCell().append(chip, symbols[n]);
        row.insertCell().textContent = asPercent(parts[n][at]);
      }
      const rest = order.length - 20;
      box.replaceChildren(day(times[at]), table, ...(rest > 0 ? [`and ${rest} more`] : []));
      placeTip(box, host, u);
    };
    holdingsChart = new uPlot(
      {
        width: root.classList.contains("paper") ? PAPER : host.clientWidth,
        height: 300,
        tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
        padding: [8, 12, 0, 0],
        legend: { show: false },
        cursor: { points: { show: false }, y: false },
        scales: { x: { time: true }, y: { range: (u, low, high) => [Math.min(low, 0) * 1.05, Math.max(high, 0.05) * 1.05] } },
        axes: [
          { ...axis, values: dates, size: 40, space: 46 },
          { ...axis, size: 52, values: (u, splits) => percents(splits) },
        ],
        series: [
          {},
          ...areas.map(({ n }) => ({ label: symbols[n], stroke: colour("card"), width: 1, fill: tone(n), fillTo: 0, points: { show: false } })),
          { label: "net", stroke: colour("ink"), width: 2, dash: [6, 4], points: { show: false } },
        ],
        hooks: { setCursor: [read], drawAxes: [horizontalLine(0)] },
      },
      [times, ...areas.map(({ values }) => values), net],
      host,
    );
    host.append(box);
    read(holdingsChart);
    keys.replaceChildren(
      ...symbols.map((symbol, n) => {
        const item = document.createElement("li");
        const chip = document.createElement("i");
        chip.style.background = tone(n);
        item.append(chip, symbol);
        return item;
      }),
      Object.assign(document.createElement("li"), { textContent: symbols.length ? "dashed: net" : "nothing was held" }),
    );
  }
  holder.addEventListener("change", holdings);

  function build() {
    const small = innerWidth < 760 || root.classList.contains("paper");
    charts.forEach((each) => each.destroy());
    const logs = logarithmic;
    const curves = logs ? growth.map((values) => values.map((value) => (value > 0 ? Math.log(value) : null))) : growth;
    const growthLabels = (ticks) => (logs ? ticks.map((tick) => Math.exp(tick).toFixed(2)) : ticks.map((tick) => tick.toFixed(Math.max(2, decimals(ticks)))));
    charts = [
      chart("growth", curves, small ? 380 : 500, logs ? 0 : 1, true, (line, at) => asGrowth(growth[line][at]), growthLabels, logs),
      chart("drawdown", drawdown, small ? 180 : 220, 0, false, (line, at) => asPercent(drawdown[line][at]), percents),
    ];
    if (zoom) zoomTo(zoom);
    holdings();
    legend(null);
  }

  function show(line, on) {
    visible[line] = on;
    buttons[line].setAttribute("aria-pressed", String(on));
    charts.forEach((each) => each.setSeries(line + 1, { show: on }));
  }

  const focus = (line) => charts.forEach((each) => each.setSeries(line, { focus: true }));
  buttons.forEach((button, line) => {
    button.addEventListener("click", () => show(line, !visible[line]));
    button.addEventListener("mouseenter", () => visible[line] && focus(line + 1));
    button.addEventListener("mouseleave", () => focus(null));
  });
  document.getElementById("all").addEventListener("click", () => buttons.forEach((_, line) => show(line, true)));
  document.getElementById("none").addEventListener("click", () => buttons.forEach((_, line) => show(line, line === 0)));

  build();
  new ResizeObserver(() => {
    const width = document.getElementById("growth").clientWidth;
    if (root.classList.contains("paper")) return;
    [...charts, holdingsChart].forEach((each) => each.width !== width && each.setSize({ width: each.root.parentNode.clientWidth, height: each.height }));
  }).observe(document.getElementById("growth"));
  addEventListener("themechange", build);
  for (const [moment, paper] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(moment, () => {
      root.classList.toggle("paper", paper);
      document.querySelectorAll("details").forEach((part) => (part.open = paper));
      build();
    });
  }
})();
