// The service worker: keeps the page's own files, so that the page opens without a network. It keeps nothing else: what users write and
// read never passes through here, and `fetch` answers only for the page and for files whose path names a release.
//
// A release is kept whole or not at all. The page of a new release is shown when all of its files are here; until then, and without a
// network, the page of the last one is. So no page is made of two releases. A release whose files do not come for minutes is not waited for any
// longer: from then on the server's page is shown as it comes, as without this worker, and kept when its files are here.

const INDEX = "chinwag.index"; // the page of the release that is shown without a network
const FILES = "chinwag.files."; // and the name of a release: its files
const PATIENCE_MS = 3_000; // after which the page that is here is shown, and the server's the next time
const FILES_MS = 30_000; // in which the files of a release must come: time for 15 kB a second
const RESTART_MS = 600_000; // in which a rolling restart ends, during which the files of a release may be on another node
const FAILED = "/failed"; // in the index: the release whose files have not come, and since when
const ANY = { ignoreVary: true }; // there is one of each

const RELEASE = /"\/static\/([0-9a-f]{20})\//;
const FILE = /^\/static\/[0-9a-f]{20}\//;
const filesOf = (html) => html.match(/(?<=")\/static\/[0-9a-f]{20}\/[^"]+(?=")/g) ?? [];

addEventListener("install", (event) => {
  skipWaiting(); // this worker serves pages of any release
  // Without the files this worker keeps them at the next visit.
  event.waitUntil(fetch("/", { headers: { Accept: "text/html" } }).then(keep).catch(() => {}));
});

addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== location.origin) return;
  if (mode === "navigate" && pathname === "/") event.respondWith(openPage(event));
  else if (FILE.test(pathname) || pathname === "/boot.js") event.respondWith(find(event.request));
});

async function find(request) {
  return (await caches.match(request, ANY)) ?? fetch(request);
}

async function openPage(event) {
  const kept = await caches.match("/", { ...ANY, cacheName: INDEX });
  if (!kept) {
    const answer = await fetch(event.request);
    event.waitUntil(keep(answer.clone()).catch(() => {}));
    return answer;
  }
  const fresh = fetch(event.request).then((answer) => (answer.status >= 500 ? kept : take(event, answer)));
  event.waitUntil(fresh.catch(() => {}));
  const patience = new Promise((enough) => { setTimeout(enough, PATIENCE_MS, kept.clone()); });
  return Promise.race([fresh, patience]).catch(() => kept);
}

/** Returns the name of the release whose page an answer is. */
async function releaseOf(answer) {
  return (answer.ok && RELEASE.exec(await answer.clone().text())?.[1]) || null;
}

/** Returns the server's answer when all of its files are kept, or at once if they have not come for long. */
async function take(event, answer) {
  const keeping = keep(answer.clone());
  event.waitUntil(keeping.catch(() => {}));
  const failed = await lastFailure();
  const isLost = failed?.release === (await releaseOf(answer)) && Date.now() - failed?.since > RESTART_MS;
  return isLost ? answer : keeping;
}

const lastFailure = async () => (await caches.match(FAILED, { cacheName: INDEX }))?.json();

/** Notes that the files of a release have not come, unless that is known. */
async function noteFailure(release) {
  if ((await lastFailure())?.release === release) return;
  const index = await caches.open(INDEX);
  await index.put(FAILED, new Response(JSON.stringify({ release, since: Date.now() })));
}

/** Returns the server's answer when all of its files are kept. An answer that is not the page, as a proxy may give, is returned as it is. */
async function keep(answer) {
  const release = await releaseOf(answer);
  if (!release) return answer;
  try {
    await keepFiles(release, answer);
    await show(release, answer.clone());
  } catch (error) {
    if (error.name !== "QuotaExceededError") {
      await noteFailure(release);
      throw error;
    }
    // A browser without room for a release must not keep an old one for ever.
    await forget([]);
    await caches.delete(INDEX);
  }
  return answer;
}

async function keepFiles(release, page) {
  const files = await caches.open(FILES + release);
  if (await files.match("/", ANY)) return;
  const names = [...new Set(filesOf(await page.clone().text())), "/boot.js"];
  const late = new Promise((_, reject) => { setTimeout(reject, FILES_MS, new Error("Some files have not come.")); });
  await Promise.race([files.addAll(names), late]);
  // The page comes last: with it the release is whole.
  await files.put("/", page.clone());
}

/** Makes a release the one that is shown. The one before stays for the pages that are still open. */
async function show(release, page) {
  const index = await caches.open(INDEX);
  const before = RELEASE.exec((await (await index.match("/", ANY))?.text()) ?? "")?.[1];
  await index.put("/", page);
  await index.delete(FAILED);
  if (before !== release) await forget([FILES + release, FILES + before]);
}

async function forget(kept) {
  for (const name of await caches.keys()) {
    if (name.startsWith(FILES) && !kept.includes(name)) await caches.delete(name);
  }
}

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openConversation(event.notification.data));
});

/** Shows the conversation of a notification in a page that is open, or in a new one. */
async function openConversation({ conversationId, userId }) {
  const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find(({ url }) => new URL(url).pathname === "/");
  if (!page) return clients.openWindow(`/#${conversationId}`);
  page.postMessage({ conversationId, userId });
  return page.focus();
}
