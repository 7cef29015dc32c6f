// The notifications on the screen. All tabs show them and ask for them one at a time, under a Web Lock: Chromium loses the record of a
// notification that is shown while it is asked for the list. It could then be neither listed nor closed, and a click would open nothing.

const LOCK = "chinwag.on-screen";

/** True where the browser can show notifications at all: on a secure origin. */
export const canNotify = () => Boolean(navigator.locks && navigator.serviceWorker && globalThis.Notification);

async function alone(work) {
  const registration = await navigator.serviceWorker.ready;
  return navigator.locks.request(LOCK, () => work(registration));
}

/** Resolves when the notification is on the screen. */
export const showNotification = (title, options) => alone((registration) => registration.showNotification(title, options));

/** Returns the notifications of this page, of all users and tabs. */
export const listNotifications = () => alone((registration) => registration.getNotifications());
