// Asks for /status.json every second and shows what has changed since.
"use strict";

const show = (id, text) => { document.getElementById(id).textContent = text; };
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const inWords = (count) => number.format(count);
const bytes = (count) => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit += 1) count /= 1000;
  return `${count.toFixed(unit && count < 100 ? 1 : 0)} ${units[unit]}`;
};

// The last minute of each card, drawn so that its highest point touches the top.
const KEPT = 60;
const kept = {};
function card(id, value, text) {
  show(id, text);
  const values = (kept[id] ??= []);
  values.push(value);
  if (values.length > KEPT) values.shift();
  const chart = document.getElementById(id).parentElement.querySelector("svg");
  const top = Math.max(1, ...values);
  const left = KEPT - values.length;
  const points = values.map((value, at) => `${left + at},${(28 - (26 * value) / top).toFixed(1)}`);
  chart.setAttribute("viewBox", `0 0 ${KEPT - 1} 30`);
  chart.setAttribute("preserveAspectRatio", "none");
  chart.innerHTML = `<path d="M${left},32 L${points.join(" L")} L${KEPT - 1},32"/>`;
}

let before = null;
function tell(now) {
  // The first time, what happened since the server began stands for a second of its life.
  const then = before ?? { uptime: 0 };
  const seconds = Math.max(now.uptime - then.uptime, 0.001);
  const each = (name) => (now[name] - (then[name] ?? 0)) / seconds;
  card("connections", now.channels - 1, inWords(now.channels - 1));
  card("requests", each("requests"), inWords(each("requests")));
  card("turns", each("turns"), inWords(each("turns")));
  card("sent", each("sent"), bytes(each("sent")));
  for (const name of ["waits", "events", "timeouts", "closes"]) {
    show(name, `${inWords(now[name])} so far`);
  }
  const list = document.getElementById("counters");
  list.replaceChildren(...Object.entries(now).filter(([name]) => name !== "backend" && name !== "uptime").map(([name, count]) => {
    const row = document.createElement("div");
    for (const [tag, text] of [["dt", name], ["dd", name === "sent" || name === "received" ? bytes(count) : inWords(count)]]) {
      row.appendChild(document.createElement(tag)).textContent = text;
    }
    return row;
  }));
  const state = document.getElementById("state");
  state.className = "live";
  state.textContent = `${now.backend}, up for ${inWords(now.uptime)} s`;
  before = now;
}

async function ask() {
  try {
    tell(await (await fetch("/status.json", { cache: "no-store" })).json());
  } catch {
    const state = document.getElementById("state");
    state.className = "gone";
    state.textContent = "the server does not answer";
    before = null;
  }
  setTimeout(ask, 1000);
}

show("here", new URL("/", location));
ask();
