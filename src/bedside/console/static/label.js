// Marks what identifies somebody in one note: words, kinds, keys. Nothing here leaves this machine.
"use strict";
(() => {
  const note = document.getElementById("note");
  const pieces = [...note.querySelectorAll("span")];
  const words = pieces.filter((one) => one.classList.contains("w"));
  const list = document.getElementById("marks");
  const live = document.getElementById("live");
  const fault = document.getElementById("error");
  const state = document.getElementById("state");
  const kinds = new Map();
  const byKey = new Map();
  for (const button of document.querySelectorAll(".kind")) {
    kinds.set(button.dataset.kind, { group: button.dataset.group, label: button.dataset.kind.replaceAll("_", " ") });
    byKey.set(button.dataset.key, button.dataset.kind);
    button.addEventListener("click", () => { mark(button.dataset.kind); note.focus(); });
  }
  const start = (piece) => Number(piece.dataset.a);
  const end = (piece) => Number(piece.dataset.b);
  let marks = JSON.parse(note.dataset.marks).map(([a, b, kind]) => ({ a, b, kind }));
  let past = [];
  let changed = false;
  let anchor = 0; // where the selection began, and where it is now: places among the words
  let head = 0;

  const selected = () => {
    if (!words.length) return null;
    const [one, other] = [Math.min(anchor, head), Math.max(anchor, head)];
    return { a: start(words[one]), b: end(words[other]) };
  };
  const textOf = (a, b) => pieces.filter((one) => start(one) >= a && end(one) <= b).map((one) => one.textContent).join("");

  function draw() {
    const here = selected();
    const wide = anchor !== head;
    for (const piece of pieces) {
      const found = marks.find((one) => one.a <= start(piece) && end(piece) <= one.b);
      const base = piece.classList.contains("w") ? "w" : "g";
      const classes = [base];
      piece.removeAttribute("data-label");
      if (found) {
        classes.push("m", kinds.get(found.kind).group);
        if (found.a === start(piece)) { classes.push("first"); piece.dataset.label = kinds.get(found.kind).label; }
      }
      if (wide && here.a <= start(piece) && end(piece) <= here.b) classes.push("sel");
      piece.className = classes.join(" ");
    }
    if (words.length) words[head].classList.add("cursor");
    list.replaceChildren(...marks.map(row));
    document.getElementById("count").textContent = String(marks.length);
  }

  function row(one) {
    const item = document.createElement("li");
    const tag = document.createElement("span");
    tag.className = `tag ${kinds.get(one.kind).group}`;
    tag.textContent = kinds.get(one.kind).label;
    const text = document.createElement("span");
    text.className = "text";
    text.textContent = textOf(one.a, one.b);
    const go = document.createElement("button");
    go.type = "button";
    go.textContent = "Show";
    go.addEventListener("click", () => { select(one.a, one.b); note.focus(); });
    const gone = document.createElement("button");
    gone.type = "button";
    gone.textContent = "Remove";
    gone.setAttribute("aria-label", `Remove the mark ${kinds.get(one.kind).label}`);
    gone.addEventListener("click", () => remove(one.a, one.b));
    item.append(tag, text, go, gone);
    return item;
  }

  function change(next, says) {
    past.push(marks);
    marks = next.sort((one, other) => one.a - other.a);
    changed = true;
    state.textContent = "not saved yet";
    live.textContent = says;
    draw();
  }
  function mark(kind) {
    const here = selected();
    if (!here) return;
    const rest = marks.filter((one) => one.b <= here.a || here.b <= one.a);
    change([...rest, { ...here, kind }], `${textOf(here.a, here.b)}: ${kinds.get(kind).label}`);
    anchor = head;
    draw();
  }
  function remove(a, b) {
    const rest = marks.filter((one) => one.b <= a || b <= one.a);
    if (rest.length < marks.length) change(rest, "The mark is removed.");
  }
  function undo() {
    if (!past.length) return;
    marks = past.pop();
    changed = true;
    live.textContent = "Undone.";
    draw();
  }
  function select(a, b) {
    const inside = words.map((one, at) => [one, at]).filter(([one]) => start(one) < b && a < end(one)).map(([, at]) => at);
    if (!inside.length) return;
    anchor = inside[0];
    head = inside[inside.length - 1];
    draw();
    seen();
  }
  function seen() {
    words[head].scrollIntoView({ block: "nearest" });
    const here = selected();
    const found = marks.find((one) => one.a < here.b && here.a < one.b);
    live.textContent = `${textOf(here.a, here.b)}${found ? `: ${kinds.get(found.kind).label}` : ""}`;
  }
  function move(to, extend) {
    head = Math.min(Math.max(to, 0), words.length - 1);
    if (!extend) anchor = head;
    draw();
    seen();
  }
  function line(step) {
    const from = words[head].getBoundingClientRect();
    const middle = (from.left + from.right) / 2;
    let best = head;
    let top = null;
    for (let at = head + step; at >= 0 && at < words.length; at += step) {
      const box = words[at].getBoundingClientRect();
      if (Math.abs(box.top - from.top) < from.height / 2) continue;
      if (top === null) top = box.top;
      if (Math.abs(box.top - top) > from.height / 2) break;
      const off = (box) => Math.abs((box.left + box.right) / 2 - middle);
      if (best === head || off(box) < off(words[best].getBoundingClientRect())) best = at;
    }
    return best;
  }
  async function save() {
    fault.hidden = true;
    try {
      const answer = await fetch(`/notes/${note.dataset.place}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ spans: marks.map((one) => [one.a, one.b, one.kind]) }),
      });
      if (!answer.ok) {
        const text = await answer.text();
        let said = text;
        try { const told = JSON.parse(text); said = `${told.error} Fix: ${told.fix}`; } catch { /* plain words */ }
        throw new Error(said);
      }
      changed = false;
      location.assign((await answer.json()).next);
    } catch (error) {
      fault.textContent = `Not saved. ${error.message}`;
      fault.hidden = false;
    }
  }

  const keys = {
    ArrowRight: (event) => move(head + 1, event.shiftKey),
    ArrowLeft: (event) => move(head - 1, event.shiftKey),
    ArrowDown: (event) => move(line(1), event.shiftKey),
    ArrowUp: (event) => move(line(-1), event.shiftKey),
    Home: (event) => move(0, event.shiftKey),
    End: (event) => move(words.length - 1, event.shiftKey),
    Delete: () => { const here = selected(); if (here) remove(here.a, here.b); },
    Backspace: () => { const here = selected(); if (here) remove(here.a, here.b); },
    Escape: () => { anchor = head; draw(); },
    Enter: () => save(),
    ".": () => {
      const here = selected();
      const next = marks.find((one) => one.a >= here.b) || marks[0];
      if (next) select(next.a, next.b);
    },
  };
  note.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { event.preventDefault(); undo(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || !words.length) return;
    const act = keys[event.key];
    const kind = byKey.get(event.key.toLowerCase());
    if (act) { event.preventDefault(); act(event); } else if (kind) { event.preventDefault(); mark(kind); }
  });
  note.addEventListener("mouseup", (event) => {
    const chosen = window.getSelection();
    const inside = chosen.rangeCount && !chosen.isCollapsed
      ? words.filter((one) => chosen.containsNode(one, true)) : [];
    if (inside.length) {
      const range = chosen.getRangeAt(0);
      const kept = inside.filter((one) => {
        const own = document.createRange();
        own.selectNodeContents(one);
        return range.compareBoundaryPoints(Range.START_TO_END, own) > 0 && range.compareBoundaryPoints(Range.END_TO_START, own) < 0;
      });
      if (kept.length) select(start(kept[0]), end(kept[kept.length - 1]));
      chosen.removeAllRanges();
      return;
    }
    const piece = event.target.closest("span");
    if (!piece || !note.contains(piece)) return;
    const found = marks.find((one) => one.a <= start(piece) && end(piece) <= one.b);
    if (found) select(found.a, found.b); else select(start(piece), end(piece));
  });
  document.getElementById("remove").addEventListener("click", () => { keys.Delete(); note.focus(); });
  document.getElementById("undo").addEventListener("click", undo);
  document.getElementById("save").addEventListener("click", save);
  for (const button of document.querySelectorAll(".jump")) {
    button.addEventListener("click", () => { select(Number(button.dataset.a), Number(button.dataset.b)); note.focus(); });
  }
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  draw();
  note.focus({ preventScroll: true });
})();
