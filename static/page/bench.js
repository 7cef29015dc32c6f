// Opens the test bench, from the account menu or by the address `#bench`. It is loaded when it is opened first.

import { $ } from "./dom.js";
import { notify } from "./notice.js";

const ADDRESS = "#bench";

/** Start it before what follows the address: the bench opens beside the open conversation. */
export function startBenchView() {
  $("bench-open").addEventListener("click", () => {
    $("me").removeAttribute("open");
    openBench();
  });
  addEventListener("hashchange", (event) => {
    if (location.hash !== ADDRESS) return;
    event.stopImmediatePropagation();
    history.replaceState(null, "", new URL(event.oldURL).hash || location.pathname);
    openBench();
  });
  if (location.hash === ADDRESS) openBench();
}

async function openBench() {
  const bench = await import("../lazy/bench.js").catch(() => null);
  if (bench) bench.open();
  else notify("The test bench cannot be loaded without a connection.");
}
