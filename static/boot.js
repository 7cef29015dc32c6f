// Loads the page again if a file of it is missing. During a rolling restart the page may come from one node, and the request for a script go
// to a node of another release, which does not have it. This file has one address in all releases, so that it is never missing itself.

{
  const FIRST_MS = 1_000; // before the second attempt; each further one waits twice as long
  const MOST_MS = 60_000;

  let isWaiting = false;

  const again = () => {
    if (isWaiting) return;
    isWaiting = true;
    const attempts = history.state?.attempts ?? 0;
    history.replaceState({ attempts: attempts + 1 }, "");
    setTimeout(() => location.reload(), Math.min(MOST_MS, FIRST_MS * 2 ** attempts) * (1 + Math.random()));
    const notice = document.getElementById("notice");
    notice.textContent = "Some parts of Chinwag are missing. The page is loaded again in a moment.";
    notice.hidden = false;
  };

  // start.js says how far it is.
  const check = () => {
    if (document.documentElement.dataset.loading !== "begun") again();
  };

  if (document.readyState === "complete") check();
  else addEventListener("load", check);
  addEventListener("incomplete", again);
}
