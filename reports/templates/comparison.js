"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const data = JSON.parse(document.getElementById("comparison").textContent);
  const x = data.sessions.map((day) => Date.parse(day + "T00:00:00Z") / 1000);
  const chosen = document.getElementById("reading");
  const values = [...document.querySelectorAll(".legend .value")];
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const minus = (text) => text.replace("-", "\u2212");
  const DASHES = [[], [8, 5], [2, 4]];
  const FONT = "11px system-ui, sans-serif";
  let charts = [];

  const empty = () => x.map(() => null);
  const growth = () => data.readings[chosen.value].map((line) => line ?? empty());
  const gaps = (lines) =>
    lines.slice(1).map((line) => line.map((value, at) => (value === null || lines[0][at] === null ? null : 100 * (value - lines[0][at]))));

  function told(u) {
    const lines = growth();
    const last = lines.map((line) => line.findLastIndex((value) => value !== null));
    const at = u?.cursor.idx ?? null;
    document.getElementById("when").textContent = at === null ? "At the end" : data.sessions[at];
    values.forEach((place, line) => {
      const value = lines[line][at ?? last[line]];
      place.textContent = value == null ? "\u2013" : minus(value.toFixed(4));
    });
  }

  // Months, with the year under the first and under each January; days when zoomed in.
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  function dates(u, splits, axis, space, step) {
    let year = null;
    return splits.map((time) => {
      const date = new Date(time * 1000);
      const name = MONTHS[date.getUTCMonth()];
      const text = step >= 28 * 86400 ? name : time % 86400 ? "" : date.getUTCDate() + " " + name;
      return text + (date.getUTCFullYear() === year ? "" : "\n" + (year = date.getUTCFullYear()));
    });
  }

  function chart(id, lines, first, height, digits) {
    const host = document.getElementById(id);
    host.replaceChildren();
    const axis = { stroke: colour("soft"), font: FONT, grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
    const series = lines.map((_, place) => {
      const line = place + first;
      return {
        stroke: colour(line === 0 ? "ink" : "line-" + ((line - 1) % 6)),
        width: line === 0 ? 3 : 1.8,
        dash: line === 0 ? [] : DASHES[Math.floor((line - 1) / 6) % 3],
        points: { show: false },
      };
    });
    return new uPlot(
      {
        width: host.clientWidth,
        height,
        tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { sync: { key: "runs" }, drag: { x: true, y: false }, y: false },
        scales: { x: { time: true } },
        axes: [{ ...axis, values: dates, size: 40, space: 46 }, { ...axis, size: 56, values: (u, splits) => digits(splits).map(minus) }],
        series: [{}, ...series],
        hooks: { setCursor: [told] },
      },
      [x, ...lines],
      host,
    );
  }

  // As many digits as it takes to write every tick as it is.
  const places = (ticks) => [0, 1, 2, 3, 4, 5].find((n) => ticks.every((tick) => Math.abs(tick * 10 ** n - Math.round(tick * 10 ** n)) < 1e-6)) ?? 6;

  function build() {
    charts.forEach((each) => each.destroy());
    const lines = growth();
    charts = [
      chart("growth", lines, 0, innerWidth < 760 ? 280 : 380, (ticks) => ticks.map((tick) => tick.toFixed(Math.max(2, places(ticks))))),
      chart("gap", gaps(lines), 1, 180, (ticks) => ticks.map((tick) => +tick.toPrecision(3) + "%")),
    ];
    told(null);
  }

  if (x.length === 0 || chosen.options.length === 0) return;
  build();
  chosen.addEventListener("change", build);
  new ResizeObserver(() => {
    const width = document.getElementById("growth").clientWidth;
    charts.forEach((each) => each.width !== width && each.setSize({ width, height: each.height }));
  }).observe(document.getElementById("growth"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  for (const [moment, paper] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(moment, () => {
      root.classList.toggle("paper", paper);
      if (paper) document.querySelectorAll("details").forEach((each) => (each.open = true));
      build();
    });
  }
})();
