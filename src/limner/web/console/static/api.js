// The start page: what was chosen on purpose, which line of the code a change has changed, and what the result offers.
"use strict";

(() => {
  let tab = "python";

  const form = () => document.getElementById("form");

  // A value that somebody chose stays in the code, also when it is the default.
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.type === "file") return;
    if (!form()?.contains(field) || ["given", "model", "key", "prompt", "secret"].includes(field.name)) return;
    const given = form().elements.given;
    const names = new Set(given.value.split(" ").filter(Boolean));
    if (field.value === "") names.delete(field.name);
    else names.add(field.name);
    given.value = [...names].join(" ");
  }, true);

  // A file that was chosen is sent by its own field: what the form stands for has not changed yet.
  document.addEventListener("input", (event) => {
    if (event.target.type === "file") event.stopPropagation();
  }, true);

  const lines = () => [...document.querySelectorAll("#answered pre:not([hidden]) .line")];
  let before = lines().map((line) => line.textContent);

  const light = () => {
    const now = lines();
    const known = new Set(before);
    for (const line of now) {
      if (!known.has(line.textContent)) line.classList.add("lit");
    }
    const first = now.find((line) => line.classList.contains("lit"));
    const pre = first?.closest("pre");
    if (pre && pre.scrollHeight > pre.clientHeight) pre.scrollTop = first.offsetTop - pre.clientHeight / 2;
    before = now.map((line) => line.textContent);
  };

  const choose = (language) => {
    const button = document.getElementById(`tab-${language}`);
    if (button && button.getAttribute("aria-selected") !== "true") button.click();
  };

  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("#answered [role=tab]");
    if (chosen) {
      tab = chosen.id.replace("tab-", "");
      before = lines().map((line) => line.textContent);
    }
    const copy = event.target.closest("[data-copy-visible]");
    if (copy) {
      copy.dataset.copy = lines().map((line) => line.textContent).join("");
    }
    if (event.target.closest("[data-again]")) document.getElementById("try")?.click();
    if (event.target.closest("[data-callback-instead]")) document.querySelector("[hx-post='/callback-here']")?.click();
    const use = event.target.closest("[data-use-prompt]");
    if (use) {
      const prompt = document.getElementById("prompt");
      prompt.value = use.dataset.usePrompt;
      prompt.dispatchEvent(new Event("input", { bubbles: true }));
      prompt.focus();
    }
  }, true);

  document.addEventListener("htmx:after:swap", (event) => {
    const language = tab;
    choose(language);
    light();
    // On a phone the picture is below what one pressed.
    if (event.target?.id === "result" && window.innerWidth <= 900) {
      document.getElementById("result").scrollIntoView({ block: "nearest", behavior: "smooth" });
    }
  });
})();
