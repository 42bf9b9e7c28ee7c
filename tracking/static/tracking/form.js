/* Finds the proof of work, so that nobody with scripts has to answer the question. Without scripts the question stays. */
"use strict";
(() => {
  const form = document.querySelector("form[data-stamp]");
  const question = document.getElementById("question");
  if (!form || !question || !window.crypto || !window.crypto.subtle) return;
  const { stamp, bits } = form.dataset;
  const opened = Date.now();
  const LEAST_MS = 2200;
  question.hidden = true;

  async function isProof(text) {
    const bytes = new TextEncoder().encode(`${stamp}:${text}`);
    const view = new DataView(await crypto.subtle.digest("SHA-256", bytes));
    return view.getUint32(0) >>> (32 - Number(bits)) === 0;
  }

  async function find() {
    for (let number = 0; ; number += 1) {
      if (await isProof(String(number))) return String(number);
    }
  }

  const found = find().then((proof) => { form.elements.proof.value = proof; });

  form.addEventListener("submit", async (event) => {
    if (form.elements.proof.value && Date.now() - opened >= LEAST_MS) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    await found;
    await new Promise((done) => { setTimeout(done, Math.max(0, LEAST_MS - (Date.now() - opened))); });
    button.disabled = false;
    form.requestSubmit();
  });
})();
