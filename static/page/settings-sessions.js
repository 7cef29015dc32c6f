// Where the user is logged in, and logging out elsewhere.

import { arrange, el, fullTime } from "./dom.js";
import { keepFocus } from "./focus.js";
import { client } from "./page-client.js";
import { moreButton } from "./more.js";
import { afterPress } from "./press.js";
import { Section } from "./settings-section.js";
import { twice } from "./twice.js";

// Most browsers name the others too, so the order counts.
const BROWSERS = [
  [/\bEdgA?\//, "Edge"], [/\bOPR\//, "Opera"], [/\bFirefox\/|\bFxiOS\//, "Firefox"], [/\b(Headless)?Chrome\/|\bCriOS\//, "Chrome"], [/\bSafari\//, "Safari"],
];
const SYSTEMS = [
  [/\bAndroid\b/, "Android"], [/\biPhone\b/, "iPhone"], [/\biPad\b/, "iPad"], [/\bWindows\b/, "Windows"], [/\bMac OS X\b/, "Mac"],
  [/\bCrOS\b/, "ChromeOS"], [/\bLinux\b/, "Linux"],
];

/** Returns a program's name for itself as people say it. */
function programOf(userAgent) {
  if (!userAgent) return "An unnamed program";
  const [browser, system] = [BROWSERS, SYSTEMS].map((known) => known.find(([pattern]) => pattern.test(userAgent))?.[1]);
  return browser ? [browser, system].filter(Boolean).join(" on ") : userAgent;
}

export function sessionsSection() {
  const rows = el("ul", { class: "entries", "aria-label": "Sessions" });
  const nodes = new Map(); // session id → row
  const section = new Section("sessions", "Where you are logged in", rows);
  const list = client.account.sessions(() => afterPress(render));
  const more = moreButton(list, "Show more sessions");
  rows.after(more.node);

  function render() {
    const shown = list.items.map((session) => nodes.get(session.id) ?? nodes.set(session.id, row(session)).get(session.id));
    keepFocus(rows, () => arrange(rows, shown), () => section.heading);
    more.render();
  }

  function row(session) {
    const program = programOf(session.user_agent);
    const end = !session.current && el("button", {
      type: "button", class: "link danger-text", "data-testid": "session-end", "aria-label": `Log out: ${program}`,
    }, "Log out");
    if (end) twice(end, "Sure?", () => endSession(session));
    return el("li", { class: "entry", "data-testid": "session", "data-id": session.id },
      el("p", { class: "entry-name" }, program, session.current && el("span", { class: "role" }, "here")),
      el("p", { class: "quiet" }, `Logged in ${fullTime(new Date(session.created_at))}`),
      el("p", { class: "quiet" }, `Last active ${fullTime(new Date(session.used_at))}`), end);
  }

  async function endSession(session) {
    if (await section.attempt(() => client.account.endSession(session.id), "Logged out there.")) list.drop(session);
  }

  const hide = () => {
    nodes.clear();
    list.clear();
  };
  return { section, show: () => list.begin(), hide };
}
