// <mm-engagement for="id_condition">: writes a condition on what became of e-mails into the JSON of a segment. Its inputs
// are ordinary ones that the server renders, so the keyboard reaches them all; the server checks what is written.
"use strict";

class EngagementLeaf extends HTMLElement {
  connectedCallback() {
    this.target = document.getElementById(this.getAttribute("for"));
    this.hidden = !this.target;
    this.addEventListener("change", () => this.#fit());
    this.querySelector("[data-adds]").addEventListener("click", () => this.#add());
    // Enter in a number means this box, not the form around it
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target.matches("button")) return;
      event.preventDefault();
      this.#add();
    });
    this.#fit();
  }

  #input(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }

  // only what has a meaning for the choice is shown
  #fit() {
    const which = this.#input("which").value;
    this.#input("last").closest("label").hidden = which !== "last";
    this.#input("campaign").closest("label").hidden = which !== "one";
    this.#input("who").closest("label").hidden = !["opened", "clicked"].includes(this.#input("field").value);
  }

  #leaf() {
    const value = {};
    const which = this.#input("which").value;
    if (which === "last") value.campaign = { last: Number(this.#input("last").value) };
    else if (which === "one") value.campaign = Number(this.#input("campaign").value);
    else value.campaign = "any";
    if (this.#input("days").value) value.days = Number(this.#input("days").value);
    if (!this.#input("who").closest("label").hidden && this.#input("who").value === "all") value.who = "all";
    return { field: this.#input("field").value, op: this.#input("op").value, value };
  }

  #add() {
    const wrong = [...this.querySelectorAll("input, select")].find((input) => input.offsetParent && !input.reportValidity());
    if (wrong) return;
    let condition;
    try {
      condition = JSON.parse(this.target.value.trim() || "{}");
    } catch {
      this.#say("The condition above is not valid JSON yet. Put that right first.");
      return;
    }
    const leaf = this.#leaf();
    if (Array.isArray(condition?.all) && Object.keys(condition).length === 1) condition.all.push(leaf);
    else if (condition && Object.keys(condition).length) condition = { all: [condition, leaf] };
    else condition = { all: [leaf] };
    this.target.value = JSON.stringify(condition, null, 2);
    this.target.dispatchEvent(new Event("input", { bubbles: true }));
    this.#say("Added to the condition. It must hold together with what is there.");
  }

  #say(words) {
    this.querySelector("[role=status]").textContent = words;
  }
}

customElements.define("mm-engagement", EngagementLeaf);
