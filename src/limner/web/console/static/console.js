// What every page does in the browser: copies, asks before it deletes, remembers the time zone. The rest is htmx's.
"use strict";

(() => {
  // Times are written by the server: it has to know in whose zone. From the next page on it does.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes("limner_zone=")) {
    document.cookie = `limner_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }

  const copyText = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // Over plain http there is no clipboard but by the old way.
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "only-read" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  const copy = async (button) => {
    const source = button.dataset.copyFrom ? document.querySelector(button.dataset.copyFrom) : null;
    await copyText(source ? source.textContent : button.dataset.copy);
    const label = button.querySelector("span");
    const before = button.dataset.label ?? label.textContent;
    button.dataset.label = before;
    label.textContent = button.dataset.copied;
    setTimeout(() => { label.textContent = before; }, 1500);
  };

  // A question in a dialog of ours, in the reader's language, before a form is sent.
  const ask = (form, question) => {
    const dialog = document.createElement("dialog");
    const text = Object.assign(document.createElement("p"), { textContent: question });
    const actions = Object.assign(document.createElement("div"), { className: "actions" });
    const no = Object.assign(document.createElement("button"), { className: "button quiet small", type: "button" });
    const yes = Object.assign(document.createElement("button"), { className: "button danger small", type: "button" });
    const words = document.documentElement.lang.startsWith("zh") ? ["取消", "确定"] : ["Cancel", "Yes"];
    no.textContent = words[0];
    yes.textContent = form.querySelector("button:not([type=button])")?.textContent.trim() || words[1];
    actions.append(no, yes);
    dialog.append(text, actions);
    dialog.setAttribute("aria-label", question);
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", () => {
      dialog.close();
      form.dataset.confirmed = "yes";
      form.requestSubmit();
    });
    dialog.showModal();
    no.focus();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (button) copy(button);
    const closer = event.target.closest("[data-close]");
    if (closer) closer.closest("dialog, .notice, .done, .trouble")?.remove();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm) return;
    if (form.dataset.confirmed === "yes") {
      delete form.dataset.confirmed;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(form, form.dataset.confirm);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // On a phone a row of tabs is longer than the window: the one that is open should be seen.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

  // How much of a text field is filled: <small data-count="prompt">21 / 4,000</small>
  const count = (field) => {
    const shown = document.querySelector(`[data-count="${field.id}"]`);
    if (shown) shown.textContent = `${[...field.value].length.toLocaleString()} / ${Number(shown.dataset.most).toLocaleString()}`;
  };
  document.addEventListener("input", (event) => {
    if (event.target.id) count(event.target);
  });

  // Notices go by themselves; troubles stay until they are read.
  const settle = () => {
    for (const notice of document.querySelectorAll("[data-passing]:not([data-settled])")) {
      notice.dataset.settled = "yes";
      setTimeout(() => notice.remove(), 12000);
    }
  };
  document.addEventListener("htmx:after:swap", settle);
  settle();

  // Tabs: a bar of buttons with role=tab, each with aria-controls.
  document.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (!tab) return;
    const bar = tab.closest("[role=tablist]");
    for (const other of bar.querySelectorAll("[role=tab]")) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (!tab || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
    const next = tabs[(tabs.indexOf(tab) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
    next.focus();
    next.click();
  });
})();
