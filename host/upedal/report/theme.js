"use strict";
// Light or dark: the system's wish until the button is used; then remembered where the browser lets us.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try { root.dataset.theme = localStorage.getItem("upedal-theme") || ""; } catch { /* no storage: fine */ }
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
    button.setAttribute("aria-label", "Switch between light and dark colours");
    name();
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("upedal-theme", root.dataset.theme); } catch { /* not remembered */ }
      name();
    });
  });
})();
