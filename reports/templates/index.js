"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // ---- Tables: a press on a heading sorts; what is undefined stays last. Words sort up first, numbers down.
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const key = (row, column) => {
      const cell = row.cells[column];
      if (column === 0) return cell.textContent;
      return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
    };
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      button.disabled = false;
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const up = before ? before === "descending" : column === 0;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const sign = up ? 1 : -1;
        const compare = (a, b) => {
          const [x, y] = [key(a, column), key(b, column)];
          if (x === null || y === null) return (x === null) - (y === null);
          return sign * (column === 0 ? x.localeCompare(y, "en") : x - y);
        };
        body.append(...[...body.rows].sort(compare));
      });
    });
  }

  // ---- Charts: both share sessions, lines, cursor and zoom.
  const data = JSON.parse(document.getElementById("run").textContent);
  const seconds = (day) => Date.parse(day + "T00:00:00Z") / 1000;
  const day = (time) => new Date(time * 1000).toISOString().slice(0, 10);
  const first = data.sessions[0];
  const earlier = [...new Set(data.marks.map((mark) => mark.date).filter((date) => date < first))].sort();
  const x = [...earlier, ...data.sessions].map(seconds);
  const growth = data.lines.map((line) => [...earlier.map(() => null), ...line.values]);
  const drawdown = growth.map((values) => {
    let peak = 0;
    return values.map((value) => (value === null ? null : value / (peak = Math.max(peak, value)) - 1));
  });
  const minus = (text) => text.replace("-", "\u2212");
  const asGrowth = (value) => (value == null ? "\u2013" : minus(value.toFixed(3)));
  const asPercent = (value) => (value == null ? "\u2013" : minus((100 * value).toFixed(1) + "%"));
  const buttons = [...document.querySelectorAll(".legend button")];
  const shown = buttons.map(() => true);
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const DASHES = [[], [8, 5], [2, 4]];
  const FONT = "11px system-ui, sans-serif";
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  let charts = [];

  function legend(index) {
    const at = index ?? x.length - 1;
    document.getElementById("when").textContent = day(x[at]);
    buttons.forEach((button, line) => {
      const [one, two] = button.querySelectorAll(".value");
      one.textContent = asGrowth(growth[line][at]);
      two.textContent = asPercent(drawdown[line][at]);
    });
  }

  // Months, with the year under the first and under each January; days when zoomed in.
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

  const brief = (label) => (label.length > 28 ? label.slice(0, 27) + "\u2026" : label);
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = FONT;
  const strip = data.marks.reduce((most, mark) => Math.max(most, ruler.measureText(brief(mark.label)).width), 0) + 20;

  // Vertical lines behind the curves; their labels stand in a strip above, apart where dates are close.
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

  function level(value) {
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

  // The name of the line nearest to the pointer, beside it; the legend holds the values of all.
  function tip(host, write) {
    const box = document.createElement("div");
    box.className = "tip";
    box.hidden = true;
    host.append(box);
    return (u) => {
      const { idx, left, top, event } = u.cursor;
      box.hidden = true;
      if (idx == null || left < 0) return legend(null);
      legend(idx);
      if (!event || !host.contains(event.target)) return;
      let nearest = null;
      let least = 40;
      u.data.forEach((values, line) => {
        if (line === 0 || !u.series[line].show || values[idx] == null) return;
        const distance = Math.abs(u.valToPos(values[idx], "y") - top);
        if (distance < least) [least, nearest] = [distance, line];
      });
      if (nearest === null) return;
      box.textContent = `${day(u.data[0][idx])}  ${data.lines[nearest - 1].name}  ${write(u.data[nearest][idx])}`;
      box.hidden = false;
      const place = u.over.offsetLeft + left;
      const beside = place + 14 + box.offsetWidth > host.clientWidth ? place - 14 - box.offsetWidth : place + 14;
      box.style.left = Math.max(0, beside) + "px";
      box.style.top = Math.max(0, u.over.offsetTop + top - 34) + "px";
    };
  }

  function chart(id, values, height, base, labelled, write, digits) {
    const host = document.getElementById(id);
    host.replaceChildren();
    const axis = { stroke: colour("soft"), font: FONT, grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
    const options = {
      width: host.clientWidth,
      height,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      padding: [labelled ? strip : 8, 12, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "readings" }, drag: { x: true, y: false }, points: { size: 6 }, y: false },
      focus: { alpha: 0.18 },
      scales: { x: { time: true } },
      axes: [
        { ...axis, values: dates, size: 40, space: 46 },
        { ...axis, size: 52, values: (u, splits) => splits.map((split) => digits(split)) },
      ],
      series: [
        {},
        ...buttons.map((button, line) => ({
          label: data.lines[line].name,
          show: shown[line],
          stroke: colour(button.dataset.colour),
          width: line === 0 ? 3 : 1.6,
          dash: DASHES[Number(button.dataset.dash)],
          points: { show: false },
        })),
      ],
      hooks: { drawAxes: [level(base), marks(labelled)], setCursor: [tip(host, write)] },
    };
    return new uPlot(options, [x, ...values], host);
  }

  function build() {
    const small = innerWidth < 760;
    charts.forEach((each) => each.destroy());
    charts = [
      chart("growth", growth, small ? 380 : 500, 1, true, asGrowth, (value) => value.toFixed(2)),
      chart("drawdown", drawdown, small ? 180 : 220, 0, false, asPercent, (value) => minus((100 * value).toFixed(0) + "%")),
    ];
    legend(null);
  }

  function show(line, visible) {
    shown[line] = visible;
    buttons[line].setAttribute("aria-pressed", String(visible));
    charts.forEach((each) => each.setSeries(line + 1, { show: visible }));
  }

  const focus = (line) => charts.forEach((each) => each.setSeries(line, { focus: true }));
  buttons.forEach((button, line) => {
    button.addEventListener("click", () => show(line, !shown[line]));
    button.addEventListener("mouseenter", () => shown[line] && focus(line + 1));
    button.addEventListener("mouseleave", () => focus(null));
  });
  document.getElementById("all").addEventListener("click", () => buttons.forEach((_, line) => show(line, true)));
  document.getElementById("none").addEventListener("click", () => buttons.forEach((_, line) => show(line, line === 0)));

  build();
  new ResizeObserver(() => {
    const width = document.getElementById("growth").clientWidth;
    charts.forEach((each) => each.width !== width && each.setSize({ width, height: each.height }));
  }).observe(document.getElementById("growth"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  for (const [moment, paper] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(moment, () => {
      root.classList.toggle("paper", paper);
      build();
    });
  }
})();
