// Draws the charts, switches the attribution model, searches the comments, hands out CSV.
// Texts of strangers reach the page through textContent alone.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const views = new Map();
  const ERRORS_ONLY = 1;

  // Charts. Colours are CSS variables, so that light, dark and print need no drawing anew.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const showTip = (_handler, event, _item, value) => {
    const text = value && (value.tip ?? value);
    if (typeof text !== "string" || !text) {
      tip.hidden = true;
      return;
    }
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, window.innerWidth - box.width - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${Math.max(8, event.clientY - box.height - 12)}px`;
  };
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  async function draw(id, rows) {
    const place = document.getElementById(`chart-${id}`);
    if (!place) return;
    if (!rows.length) {
      place.hidden = true;
      return;
    }
    place.hidden = false;
    views.get(id)?.finalize();
    const spec = structuredClone(data.specs[id]);
    spec.data.find(({ name }) => name === "rows").values = structuredClone(rows);
    spec.description = place.dataset.label;
    const embedded = await window.vegaEmbed(place, spec, {
      mode: "vega",
      actions: false, ast: true, defaultStyle: false, renderer: "svg", tooltip: showTip,
      logLevel: ERRORS_ONLY,
    });
    views.set(id, embedded);
  }

  function drawAll() {
    return Promise.all(Object.entries(data.rows).map(([id, rows]) => draw(id, rows)));
  }

  // Channels.
  const choices = document.querySelector("[data-channels]");
  function chosenKey() {
    const chosen = new FormData(choices);
    return `${chosen.get("window")}|${chosen.get("model")}|${chosen.get("level")}`;
  }
  function showChannels() {
    const key = chosenKey();
    const whole = data.channels.wholes[key];
    const rows = data.channels.rows.filter((row) => row.key === key);
    const finding = document.getElementById("channels-finding");
    finding.textContent = data.channels.sentences[key] ?? "No answers in this period.";
    const body = document.querySelector("#channels-table tbody");
    body.replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = row.shown;
      if (row.shown !== row.name) name.title = row.name;
      line.append(name);
      const cells = [[row.nps, "n"], [row.answers, "n"], [data.channels.verdicts[row.verdict], ""]];
      for (const [text, kind] of cells) {
        const cell = document.createElement("td");
        cell.textContent = text;
        cell.className = kind;
        line.append(cell);
      }
      return line;
    }));
    const drawn = rows
      .filter((row) => row.verdict !== "uncredited" && row.value !== null)
      .map((row) => ({ ...row, whole }));
    return draw("channels", drawn);
  }

  // Comments.
  const search = document.querySelector("[data-search]");
  const AT_ONCE = 20;
  let limit = AT_ONCE;
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const comments = [...document.querySelectorAll(".comments li")].map((item) => ({
    item, text: plain(item.textContent),
  }));
  function showComments() {
    const asked = new FormData(search);
    const words = plain(asked.get("words")).split(/\s+/).filter(Boolean);
    const kind = asked.get("class");
    const found = comments.filter(({ item, text }) =>
      (!kind || item.classList.contains(kind)) && words.every((word) => text.includes(word)));
    const shown = new Set(found.slice(0, limit));
    for (const comment of comments) comment.item.hidden = !shown.has(comment);
    const more = document.getElementById("said-more");
    more.hidden = found.length <= limit;
    document.getElementById("said-count").textContent = words.length || kind
      ? `${found.length} of ${comments.length} found, ${shown.size} shown.`
      : `${shown.size} of ${comments.length} shown.`;
  }

  // CSV, which comes with the page: the rule against formulas is in Python alone.
  function take(figures) {
    // With a byte order mark, or a spreadsheet takes UTF-8 for another character set.
    const content = new Blob(["\ufeff", figures.csv], { type: "text/csv;charset=utf-8" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = figures.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
  for (const button of document.querySelectorAll("[data-csv]")) {
    const figures = data.figures[button.dataset.csv];
    if (!figures) continue;
    button.hidden = false;
    button.textContent = `Download ${figures.file}`;
    button.addEventListener("click", () => take(figures));
  }

  if (choices) {
    choices.hidden = false;
    choices.addEventListener("change", showChannels);
    choices.addEventListener("submit", (event) => event.preventDefault());
  }
  if (search) {
    search.hidden = false;
    const anew = () => { limit = AT_ONCE; showComments(); };
    search.addEventListener("input", anew);
    search.addEventListener("submit", (event) => { event.preventDefault(); anew(); });
    document.getElementById("said-more").addEventListener("click", () => {
      const first = comments.find(({ item }) => item.hidden);
      limit += 2 * AT_ONCE;
      showComments();
      first?.item.querySelector("time")?.scrollIntoView({ block: "center" });
    });
    showComments();
  }

  // Vega draws for the width of the container; paper is as wide as it likes.
  const fit = () => { for (const { view } of views.values()) view.resize().run(); };
  window.addEventListener("beforeprint", fit);
  window.addEventListener("afterprint", fit);

  Promise.all([drawAll(), choices ? showChannels() : null]).then(() => {
    document.documentElement.dataset.drawn = "yes";
  });
})();
