"use strict";
// Light or dark as the system has it, or as the reader chose; before anything is painted, and kept where that is allowed.
(() => {
  const root = document.documentElement;
  const KEY = "readings-theme";
  const kept = (work) => {
    try {
      return work();
    } catch {
      return null; // no storage: the choice lasts as long as the page
    }
  };
  const chosen = kept(() => localStorage.getItem(KEY));
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const label = () => (button.textContent = dark() ? "Light colours" : "Dark colours"); // what a press gives
    const show = () => {
      label();
      dispatchEvent(new Event("themechange"));
    };
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      kept(() => localStorage.setItem(KEY, root.dataset.theme));
      show();
    });
    system.addEventListener("change", show);
    label();
  });
})();
