// Draws the charts, shows and sorts the scorecard, searches comments, provides CSV downloads.
// Untrusted text is inserted only through textContent.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const views = new Map();
  const ERRORS_ONLY = 1;

  // Charts. Colours are CSS variables, so that light, dark and print need no redrawing.
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

  // The scorecard: the table and chart of one view, in the cells' declared form.
  const card = data.scorecard;
  const choices = document.querySelector("[data-channels]");
  const SVG = "http://www.w3.org/2000/svg";
  const LAST = new Set(["smaller", "uncredited", "whole"]);
  let sorted = null;
  // As Python writes numbers: rounded from the exact value, halves to the even digit.
  const whole = (value, places) => {
    const size = Math.abs(value);
    const scaled = size * 10 ** places;
    const isTie = (size * 8) % 1 === 0 && scaled % 1 === 0.5;
    const even = 2 * Math.round(scaled / 2) / 10 ** places;
    const text = (isTie ? even : size).toFixed(places);
    const sign = value < 0 && Number(text) !== 0 ? "−" : "";
    return sign + text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");
  };
  const counted = (value, noun) => {
    const count = whole(value, 0);
    return `${count} ${noun}${count === "1" ? "" : "s"}`;
  };
  const written = {
    days: (value) => counted(value, "day"),
    points: (value) => whole(value, 0),
    count: (value) => whole(value, 0),
    signed: (value) => (value > 0 && whole(value, 0) !== "0" ? "+" : "") + whole(value, 0),
    money: (value) => whole(value, Math.abs(value) >= 100 ? 0 : 2),
    ratio: (value) => `${whole(value, 1)}×`,
    share: (value) => `${whole(100 * value, 0)}\u00a0%`,
  };
  function chosen(name) {
    const select = choices.elements.namedItem(name);
    return select ? select.value : card.chosen[name];
  }
  function chosenView() {
    const key = ["window", "model", "level"].map(chosen).join("|");
    const currency = chosen("currency");
    const view = card.views[key];
    return { view, currency, parts: { answers: view.answers, money: view.money[currency] ?? {} } };
  }
  function element(tag, text, name) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  }
  function label(view, place) {
    return card.names[view.names[place]];
  }
  function sparkline(view, place) {
    const cell = element("td", undefined, "trend");
    const trend = view.trends[place];
    if (!trend || trend.filter((nps) => nps !== null).length < 2) {
      if (view.verdict[place] !== "whole") cell.append(element("span", "–"));
      return cell;
    }
    const [width, height] = [78, 26];
    const x = (week) => 2 + week * (width - 4) / (trend.length - 1);
    const y = (nps) => 2 + (100 - nps) * (height - 4) / 200;
    const svg = document.createElementNS(SVG, "svg");
    const draw = (tag, attributes) => {
      const mark = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) mark.setAttribute(name, value);
      svg.append(mark);
    };
    const said = trend.map((nps, week) => (nps === null ? null : `${card.weeks[week]}: ${whole(nps, 0)}`))
      .filter(Boolean).join(", ");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-label", `NPS in the week from ${said}`);
    draw("path", { class: "zero", d: `M2 ${y(0)}H${width - 2}` });
    let path = "";
    trend.forEach((nps, week) => {
      if (nps === null) return;
      path += `${week && trend[week - 1] !== null ? "L" : "M"}${x(week).toFixed(1)} ${y(nps).toFixed(1)}`;
      const alone = trend[week - 1] == null && trend[week + 1] == null;
      if (alone) draw("circle", { cx: x(week).toFixed(1), cy: y(nps).toFixed(1), r: 1.5 });
    });
    draw("path", { class: "line", d: path });
    const show = (event) => {
      const box = svg.getBoundingClientRect();
      showTip(null, { clientX: event.clientX ?? box.left, clientY: event.clientY ?? box.top }, null,
        { tip: svg.getAttribute("aria-label") });
    };
    svg.addEventListener("mousemove", show);
    svg.addEventListener("focus", show);
    for (const leave of ["mouseleave", "blur"]) {
      svg.addEventListener(leave, () => { tip.hidden = true; });
    }
    cell.append(svg);
    return cell;
  }
  function cellOf(column, parts, place, moved) {
    const values = parts[column.part];
    const value = values[column.key]?.[place] ?? null;
    const cell = element("td", undefined, "n");
    cell.append(element("span", value === null ? "–" : written[card.kinds[column.key]](value)));
    if (value === null) return cell;
    for (const text of column.small) {
      let known = true;
      const filled = text.replace(/\{(\w+)\}/g, (_, key) => {
        const found = values[key]?.[place] ?? null;
        if (found === null) known = false;
        return found === null ? "" : written[card.kinds[key]](found);
      });
      if (known) {
        cell.append(element("small", filled));
        break;
      }
    }
    if (column.key === "nps_change" && moved) cell.append(element("small", card.moved[moved]));
    return cell;
  }
  function placesOf(view, parts) {
    const places = view.names.map((_, place) => place);
    if (!sorted) return places;
    const column = card.columns.find(({ key }) => key === sorted.key);
    const values = column ? parts[column.part][column.key] : null;
    const last = (place) => LAST.has(view.verdict[place]);
    const compare = (a, b) => {
      if (!column) return label(view, a)[0].localeCompare(label(view, b)[0]) * sorted.way;
      const [one, other] = [values?.[a] ?? null, values?.[b] ?? null];
      // What is unknown comes last either way.
      if (one === null || other === null) return (one === null) - (other === null);
      return (one - other) * sorted.way;
    };
    return [
      ...places.filter((place) => !last(place)).sort((a, b) => compare(a, b) || a - b),
      ...places.filter(last),
    ];
  }
  function headOf(key, title, isNumber) {
    const head = element("th", undefined, isNumber ? "n" : "");
    head.scope = "col";
    const button = element("button", title, "sort");
    button.type = "button";
    button.dataset.sort = key;
    if (sorted?.key === key) {
      head.setAttribute("aria-sort", sorted.way > 0 ? "ascending" : "descending");
    }
    button.addEventListener("click", () => {
      const first = key === "channel" ? 1 : -1;
      sorted = { key, way: sorted?.key === key ? -sorted.way : first };
      showChannels();
      document.querySelector(`#scorecard [data-sort="${key}"]`).focus();
    });
    head.append(button);
    return head;
  }
  function showChannels() {
    const { view, currency, parts } = chosenView();
    const columns = card.columns.filter(({ key, part }) =>
      parts[part][key]?.some((value, place) => value !== null && view.verdict[place] !== "whole"));
    if (sorted && sorted.key !== "channel" && !columns.some(({ key }) => key === sorted.key)) {
      sorted = null;
    }
    const places = placesOf(view, parts);
    const table = document.getElementById("scorecard");
    const trend = element("th", "NPS, 13 weeks");
    trend.scope = "col";
    const hasTrend = view.trends.some((weeks) => weeks?.filter((nps) => nps !== null).length > 1);
    const line = element("tr");
    line.append(headOf("channel", "Channel", false), ...(hasTrend ? [trend] : []),
      ...columns.map(({ key, title }) => headOf(key, title, true)));
    table.tHead.replaceChildren(line);
    table.tBodies[0].replaceChildren(...places.map((place) => {
      const verdict = view.verdict[place];
      const row = element("tr", undefined, verdict);
      const [name, ...parts_] = label(view, place);
      const head = element("th");
      head.scope = "row";
      const shown = element("span", name);
      if (verdict !== "smaller" && verdict !== "whole") {
        shown.title = parts_.filter((part) => part !== "(all)").join(" / ");
      }
      head.append(shown);
      if (card.verdicts[verdict]) head.append(element("small", card.verdicts[verdict]));
      row.append(head, ...(hasTrend ? [sparkline(view, place)] : []),
        ...columns.map((column) => cellOf(column, parts, place, view.moved[place])));
      return row;
    }));
    const titles = card.titles;
    table.caption.firstElementChild.textContent = [
      titles.model[chosen("model")], titles.level[chosen("level")],
      `last ${titles.window[chosen("window")]}`,
      `${currency === "(all)" ? "" : "money in "}${titles.currency[currency] ?? currency}`,
    ].join(" · ");
    const finding = document.getElementById("channels-finding");
    if (finding.textContent !== view.finding) finding.textContent = view.finding;
    const column = card.columns.find(({ key }) => key === sorted?.key);
    document.getElementById("channels-order").textContent = sorted
      ? `Sorted by ${column ? column.title : "name"}, ${sorted.way > 0 ? "lowest" : "highest"} first.`
        .replace("name, lowest first", "name").replace("name, highest first", "name, backwards")
      : view.order;
    document.getElementById("channels-reset").hidden = !sorted;
    const { answers } = view;
    const all = answers.nps?.[view.verdict.indexOf("whole")] ?? null;
    const rows = places.filter((place) =>
      !LAST.has(view.verdict[place]) && (answers.nps?.[place] ?? null) !== null)
      .map((place) => {
        const [low, high] = [answers.nps_low?.[place] ?? null, answers.nps_high?.[place] ?? null];
        const nps = whole(answers.nps[place], 0);
        const count = answers.responses[place];
        const interval = low === null ? "" : ` (${whole(low, 0)} to ${whole(high, 0)})`;
        return {
          name: view.names[place], shown: label(view, place)[0], value: answers.nps[place],
          low, high, verdict: view.verdict[place], whole: all, note: `${nps} · ${whole(count, 0)}`,
          tip: `${label(view, place)[0]}: NPS ${nps}${interval}, ${counted(count, "answer")}, `
            + card.verdicts[view.verdict[place]],
        };
      });
    hint();
    return draw("channels", rows);
  }
  function scorecardCsv() {
    const keys = (part) => [...new Set(Object.values(card.views).flatMap((view) =>
      part === "answers" ? Object.keys(view.answers)
        : Object.values(view.money).flatMap((values) => Object.keys(values))))];
    const [answers, money] = [keys("answers"), keys("money")];
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [["window_days", "model", "level", "source", "medium", "campaign", "verdict",
      "change", "channels", ...answers, "currency", ...money]];
    for (const [key, view] of Object.entries(card.views)) {
      for (const [currency, values] of Object.entries(view.money)) {
        view.names.forEach((_, place) => {
          const [, source, medium, campaign] = label(view, place);
          lines.push([...key.split("|"), source, medium, campaign, view.verdict[place],
            card.moved[view.moved[place]] ?? "", view.channels[place],
            ...answers.map((name) => view.answers[name]?.[place] ?? ""), currency,
            ...money.map((name) => values[name]?.[place] ?? "")]);
        });
      }
    }
    const csv = lines.map((cells) => `${cells.map((cell) => quoted(String(cell))).join(",")}\n`);
    return { file: "channel-scorecard.csv", csv: csv.join("") };
  }

  // Wide tables: say that they scroll where they do.
  function hint() {
    for (const scroll of document.querySelectorAll(".scroll")) {
      scroll.classList.toggle("overflows", scroll.scrollWidth > scroll.clientWidth + 1);
    }
  }
  window.addEventListener("resize", hint);
  for (const details of document.querySelectorAll("details")) {
    details.addEventListener("toggle", hint);
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
    const kind = asked.get("class") ?? "";
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

  // CSV is embedded in the page: only Python implements the protection from formulas.
  function take(figures) {
    // The byte order mark makes spreadsheets detect UTF-8.
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
    if (!choices.elements.length) choices.hidden = true;
    document.getElementById("channels-reset").addEventListener("click", () => {
      sorted = null;
      showChannels();
      document.querySelector("#scorecard [data-sort]").focus();
    });
    const button = document.getElementById("channels-take");
    button.hidden = false;
    button.addEventListener("click", () => take(scorecardCsv()));
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
    for (const button of document.querySelectorAll("[data-comments]")) {
      const wanted = plain(button.dataset.comments).split(/\s+/);
      button.hidden = !comments.some(({ text }) => wanted.every((word) => text.includes(word)));
      button.addEventListener("click", () => {
        search.elements.namedItem("words").value = button.dataset.comments;
        anew();
        document.getElementById("said").scrollIntoView();
        search.elements.namedItem("words").focus({ preventScroll: true });
      });
    }
  }

  // Vega renders for the width of the container; paper has another width.
  hint();
  const fit = () => { for (const { view } of views.values()) view.resize().run(); };
  window.addEventListener("beforeprint", fit);
  window.addEventListener("afterprint", fit);

  Promise.all([drawAll(), choices ? showChannels() : null]).then(() => {
    document.documentElement.dataset.drawn = "yes";
  });
})();
