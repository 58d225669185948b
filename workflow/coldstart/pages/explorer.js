"use strict";
// The controls of the page. Bokeh keeps the points and their selection; this script sets their
// colours and sizes, lists the picks and what is selected, and hands lists out as CSV.
window.explorer = (() => {
  const told = JSON.parse(document.getElementById("told").textContent);
  const at = (id) => document.getElementById(id);
  const LISTED = 400; // thumbnails in a list at most: browsers are slow with more
  const NO_CATEGORY = "#999999";
  let source = null, marks = null; // Bokeh's tables of all points, and of the picks

  const ranks = () => told.rankings[at("ranking").value];
  const budget = () => Number(at("budget").value);

  function picked() {
    const found = [];
    ranks().forEach((rank, number) => { if (rank > 0 && rank <= budget()) found[rank - 1] = number; });
    return found.filter((number) => number !== undefined);
  }

  function colours() {
    const [kind, name] = at("colour").value.split(":");
    if (kind === "categories") {
      const { numbers } = told.categories[name];
      return numbers.map((n) => (n < 0 ? NO_CATEGORY : told.colours[n % told.colours.length]));
    }
    const values = kind === "rank" ? ranks().map((rank) => rank || null) : told.values[name];
    const there = values.filter((value) => value !== null);
    const low = there.reduce((a, b) => Math.min(a, b), Infinity);
    const high = there.reduce((a, b) => Math.max(a, b), -Infinity);
    const last = told.scale.length - 1;
    return values.map((value) => value === null ? NO_CATEGORY
      : told.scale[Math.round(last * (high > low ? (value - low) / (high - low) : 0))]);
  }

  function legend() {
    const [kind, name] = at("colour").value.split(":");
    const entries = kind === "categories"
      ? told.categories[name].texts.map((text, n) => [told.colours[n % told.colours.length], text])
      : [[told.scale[0], "lowest"], [told.scale[told.scale.length - 1], "highest"]];
    at("legend").replaceChildren(...entries.slice(0, 60).map(([colour, text]) => {
      const entry = document.createElement("li"), dot = document.createElement("i");
      dot.style.background = colour;
      entry.append(dot, text);
      return entry;
    }));
  }

  function thumbnail(number, element) {
    const { columns, rows, width, height } = SHEETS;
    const place = number % (columns * rows);
    element.style.backgroundImage = `var(--sheet-${Math.floor(number / (columns * rows))})`;
    element.style.backgroundPosition =
      `-${(place % columns) * width}px -${Math.floor(place / columns) * height}px`;
    return element;
  }

  function list(place, numbers) {
    const selected = new Set(source.selected.indices);
    place.replaceChildren(...numbers.slice(0, LISTED).map((number) => {
      const item = document.createElement("li"), button = document.createElement("button");
      const image = document.createElement("div"), rank = document.createElement("small");
      image.className = "thumbnail";
      rank.textContent = ranks()[number] || "";
      button.type = "button";
      button.title = told.names[number];
      button.setAttribute("aria-label", `${ranks()[number] || "no rank"}: ${told.names[number]}`);
      button.setAttribute("aria-pressed", selected.has(number));
      button.append(thumbnail(number, image), rank);
      button.addEventListener("click", () => {
        const now = new Set(source.selected.indices);
        if (!now.delete(number)) now.add(number);
        source.selected.indices = [...now];
      });
      item.append(button);
      return item;
    }));
    if (numbers.length > LISTED) {
      const more = document.createElement("li");
      more.textContent = `and ${numbers.length - LISTED} more`;
      place.append(more);
    }
  }

  function draw() {
    const shown = picked(), colour = colours();
    const of = (column) => shown.map((number) => column[number]);
    source.data = { ...source.data, colour };
    marks.data = { x: of(source.data.x), y: of(source.data.y), colour: of(colour) };
    at("shown-budget").textContent = budget();
    legend();
    list(at("picked"), shown);
  }

  function listSelected() {
    const chosen = [...source.selected.indices].sort((a, b) => (ranks()[a] || Infinity) - (ranks()[b] || Infinity));
    at("count").textContent = chosen.length;
    at("download").disabled = chosen.length === 0;
    list(at("selected"), chosen);
    const now = new Set(chosen);
    picked().slice(0, LISTED).forEach((number, place) =>
      at("picked").children[place].firstChild.setAttribute("aria-pressed", now.has(number)));
    return chosen;
  }

  function download() {
    const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
    const names = Object.keys(told.categories);
    const lines = listSelected().map((number) => [
      ranks()[number] || "", quoted(told.names[number]),
      ...names.map((name) => quoted(told.categories[name].texts[told.categories[name].numbers[number]] ?? "")),
    ].join(","));
    const text = [["rank", "path", ...names].join(","), ...lines].join("\n") + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "selected.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function hover(numbers, geometry) {
    const box = at("shown");
    box.hidden = numbers.length === 0;
    if (box.hidden) return;
    const number = numbers[numbers.length - 1], map = at("map").getBoundingClientRect();
    thumbnail(number, box.firstElementChild);
    const rank = ranks()[number], names = Object.entries(told.categories);
    box.lastElementChild.textContent = [
      told.names[number], rank ? `rank ${rank}` : "",
      ...names.map(([name, { texts, numbers: of }]) => of[number] < 0 ? "" : `${name} ${texts[of[number]]}`),
    ].filter(Boolean).join(" · ");
    const left = map.left + geometry.sx + 60, right = window.innerWidth - box.offsetWidth - 8;
    box.style.left = `${Math.max(4, Math.min(left, right))}px`;
    box.style.top = `${Math.max(4, Math.min(map.top + geometry.sy, window.innerHeight - box.offsetHeight - 8))}px`;
  }

  function fill() {
    for (const name of Object.keys(told.rankings)) at("ranking").append(new Option(name, name));
    const kinds = [
      ...Object.keys(told.categories).map((name) => [name, `categories:${name}`]),
      ...Object.keys(told.values).map((name) => [name, `values:${name}`]), ["rank", "rank:"],
    ];
    for (const [text, value] of kinds) at("colour").append(new Option(text, value));
    at("ranking").parentElement.hidden = Object.keys(told.rankings).length < 2;
    at("budget").max = Math.max(...Object.values(told.rankings).map(
      (of) => of.reduce((most, rank) => Math.max(most, rank), 1)));
    at("budget").value = told.budget;
  }

  function start() {
    source = Bokeh.documents[0]?.get_model_by_name("points");
    if (!source) { setTimeout(start, 50); return; }
    marks = Bokeh.documents[0].get_model_by_name("picks");
    fill();
    at("budget").addEventListener("input", draw);
    for (const id of ["ranking", "colour"]) at(id).addEventListener("change", draw);
    at("find").addEventListener("input", () => {
      const part = at("find").value.toLowerCase();
      source.selected.indices = part === "" ? []
        : told.names.flatMap((name, number) => (name.toLowerCase().includes(part) ? [number] : []));
    });
    at("take-picks").addEventListener("click", () => { source.selected.indices = picked(); });
    at("clear").addEventListener("click", () => { source.selected.indices = []; });
    at("download").addEventListener("click", download);
    at("controls").addEventListener("submit", (event) => event.preventDefault());
    source.selected.properties.indices.change.connect(listSelected);
    draw();
    listSelected();
    document.body.dataset.ready = "true";
  }
  start();
  return { hover };
})();
