// What the admin needs beyond htmx and Alpine: dialogs for the keyboard, templates copied into a draft.
"use strict";

// fonts are asked for with the page: hidden text asks for none, and unfold hides all until its scripts have started
for (const font of ["400 1em Inter", "500 1em Inter", "600 1em Inter", "1em 'Material Symbols Outlined'"]) {
  // without one the page stands in the letters of the machine
  document.fonts.load(font).catch(() => null);
}

(() => {
  const FOCUSABLE = "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), select, textarea, [tabindex='0']";
  let opener = null;

  const modal = () => document.getElementById("modal-content");
  const isOpen = () => Boolean(modal()?.querySelector("#dialog") && modal().offsetParent !== null);
  const stops = () => [...modal().querySelectorAll(FOCUSABLE)].filter((node) => node.offsetParent !== null);

  // a dialog gets the focus: the first field, else the button that does it, or the way back where it is for good;
  // Escape gives it back to who opened it
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "modal-content") return;
    opener = event.detail.requestConfig?.elt ?? null;
    const wait = (left) => {
      if (!isOpen()) return left && requestAnimationFrame(() => wait(left - 1));
      const field = modal().querySelector("#dialog-form :is(input:not([type=hidden]), select, textarea)");
      (field ?? modal().querySelector("[data-dialog-focus]") ?? stops()[0])?.focus();
    };
    wait(60);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) return opener?.focus();
    if (event.key !== "Tab" || !isOpen()) return;
    const nodes = stops();
    const edge = event.shiftKey ? nodes[0] : nodes[nodes.length - 1];
    if (document.activeElement === edge || !modal().contains(document.activeElement)) {
      event.preventDefault();
      (event.shiftKey ? nodes[nodes.length - 1] : nodes[0])?.focus();
    }
  });

  // things that react to a click but that no keyboard reaches: made buttons
  const reach = () => {
    for (const node of document.querySelectorAll("#main [x-on\\:click], #nav-sidebar-inner [x-on\\:click]")) {
      if (node.matches("a[href], button, input, select, textarea, [tabindex], tr, td") || node.querySelector("a, button, input")) continue;
      node.tabIndex = 0;
      node.setAttribute("role", "button");
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        node.click();
      });
    }
  };

  // an icon is a word to a screen reader: it is hidden beside a text, and named where it stands alone
  const ICON_NAMES = {
    add: "Add", arrow_back: "Back", more_horiz: "Actions", more_vert: "More", close: "Close", delete: "Delete",
    dock_to_right: "Show or hide the menu", unfold_more: "Account", search: "Search", filter_list: "Filters",
    expand_more: "Show or hide", refresh: "Working",
  };
  const nameIcons = () => {
    for (const icon of document.querySelectorAll(".material-symbols-outlined:not([data-named])")) {
      icon.dataset.named = "1";
      const owner = icon.closest("a, button, [role=button]");
      const name = ICON_NAMES[icon.textContent.trim()];
      if (owner && owner.textContent.trim() === icon.textContent.trim() && name) {
        if (!owner.getAttribute("aria-label")) owner.setAttribute("aria-label", name);
        if (owner !== icon) icon.setAttribute("aria-hidden", "true");
      } else if (owner !== icon) {
        icon.setAttribute("aria-hidden", "true");
      }
    }
  };

  // the state of a campaign changed under the page: other buttons are due, but never under an open dialog
  document.addEventListener("mm-reload", () => {
    const reload = () => (isOpen() ? setTimeout(reload, 1000) : window.location.reload());
    reload();
  });

  // a chosen template is copied into the draft; what was written is not lost without asking
  const fields = ["subject", "preheader", "body_format", "body", "text"];
  const fieldOf = (name) => document.getElementById(`id_${name}`);
  const copyTemplate = async (select) => {
    if (!select.value) return;
    const address = select.dataset.copiesTemplate.replace("/0/", `/${select.value}/`);
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const content = await answer.json();
    const written = ["subject", "body"].some((name) => fieldOf(name)?.value.trim() && fieldOf(name).value !== content[name]);
    if (written && !window.confirm("Replace the subject and body that are written here by those of the template?")) return;
    for (const name of fields) if (fieldOf(name)) fieldOf(name).value = content[name];
  };

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("select[data-copies-template]")) copyTemplate(event.target);
  });

  // filters of our own pages apply at once; without scripts their button does it
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("select[data-submits]")) event.target.form.requestSubmit();
  });

  // a button that copies what it names; without a secure origin there is no clipboard, so the old way stands by
  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copies]");
    if (!button) return;
    await copy(button.dataset.copies);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  // unfold brings the entry of this page into sight when all has loaded: too late for a mouse that aims at another
  const showEntry = () => document.querySelector("#nav-sidebar-apps a.active")?.scrollIntoView({ block: "center" });

  document.addEventListener("DOMContentLoaded", () => {
    reach();
    nameIcons();
    requestAnimationFrame(showEntry);
  });
  document.addEventListener("htmx:afterSettle", nameIcons);
})();
