"use strict";
// Light or dark colours: the system's setting or the reader's choice, applied before the first paint and stored if allowed.
(() => {
  const root = document.documentElement;
  const KEY = "readings-theme";
  const tryStorage = (access) => {
    try {
      return access();
    } catch {
      return null; // no storage: the choice lasts until the page is closed
    }
  };
  const chosen = tryStorage(() => localStorage.getItem(KEY));
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const label = () => (button.textContent = dark() ? "Light colours" : "Dark colours"); // the effect of a click
    const show = () => {
      label();
      dispatchEvent(new Event("themechange"));
    };
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      tryStorage(() => localStorage.setItem(KEY, root.dataset.theme));
      show();
    });
    system.addEventListener("change", show);
    label();
  });
})();
