// Menus for the keyboard. A toggle says whether its menu is open; a menu that a key opened gets the focus; Escape
// shuts it and gives the focus back; leaving it shuts it too, or it would cover what has the focus next.
"use strict";

(() => {
  // unfold's menus by the name that their toggles switch
  const PANELS = {
    openUserLinks: (toggle) => toggle.previousElementSibling,
    showActions: (toggle) => toggle.nextElementSibling,
    openTabsDropdown: (toggle) => toggle.nextElementSibling,
    openRelatedWidgetWrapper: (toggle) => toggle.parentElement.querySelector("template")?._x_teleport,
    sidebarMobileOpen: () => document.getElementById("nav-sidebar"),
  };
  const SWITCH = /^\s*(\w+) = !\1\b/;
  const STOPS = "a[href], button:not([disabled]), [tabindex='0']";
  // by their panels: the menu of a narrow screen has a toggle in the head and one of its own
  const menus = new Map();

  const isShown = (node) => Boolean(node) && node.offsetParent !== null;
  const isOn = (toggle, key) => Boolean(Alpine.$data(toggle)[key]);
  const tell = (toggle, key) => Alpine.effect(() => toggle.setAttribute("aria-expanded", isOn(toggle, key)));
  const openMenus = () => [...menus.values()].filter(({ toggles, key }) => isOn(toggles[0], key));
  const shut = ({ toggles, key }) => { Alpine.$data(toggles[0])[key] = false; };
  const holds = ({ panel, toggles }, node) => [panel, ...toggles].some((part) => part.contains(node));

  const giveBack = ({ panel, toggles }) =>
    toggles.find((toggle) => isShown(toggle) && !panel.contains(toggle))?.focus();

  const enter = (panel, frames) => {
    const first = [...panel.querySelectorAll(STOPS)].find(isShown);
    if (first) first.focus();
    else if (frames) requestAnimationFrame(() => enter(panel, frames - 1));
  };

  const pressed = (event, menu, toggle) => {
    if (toggle.matches("a")) event.preventDefault();
    // a key has no clicks to count
    if (event.detail !== 0) return;
    // Alpine, which listened first, has switched it
    if (isOn(toggle, menu.key)) enter(menu.panel, 60);
    else if (menu.panel.contains(toggle)) giveBack(menu);
  };

  const watch = (toggle) => {
    const key = SWITCH.exec(toggle.getAttribute("x-on:click"))?.[1];
    if (key === "sidebarDesktopOpen") return tell(toggle, key);
    const panel = PANELS[key]?.(toggle);
    if (!panel) return;
    if (!menus.has(panel)) menus.set(panel, { key, panel, toggles: [] });
    menus.get(panel).toggles.push(toggle);
    tell(toggle, key);
    toggle.addEventListener("click", (event) => pressed(event, menus.get(panel), toggle));
    if (!toggle.matches("a[href]")) return;
    toggle.setAttribute("role", "button");
    toggle.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      toggle.click();
    });
  };

  const isInDialog = (node) => Boolean(node.closest?.("#modal-content"));

  const escape = (event) => {
    if (event.key !== "Escape" || isInDialog(event.target)) return;
    for (const menu of openMenus()) {
      const hadFocus = holds(menu, event.target);
      shut(menu);
      if (hadFocus) giveBack(menu);
    }
  };
  // before unfold's own handlers, which shut some menus and forget the focus
  document.addEventListener("keydown", escape, true);

  document.addEventListener("focusin", (event) => {
    if (isInDialog(event.target)) return;
    for (const menu of openMenus()) if (!holds(menu, event.target)) shut(menu);
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const toggle of document.querySelectorAll("[x-on\\:click]")) watch(toggle);
  });
})();
