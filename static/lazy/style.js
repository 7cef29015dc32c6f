// Styles that are loaded with what they style.

/** Loads a style that lies beside this file, once. @param {string} name @returns {Promise<void>} */
export function loadStyle(name) {
  const href = new URL(name, import.meta.url).href;
  const known = [...document.styleSheets].some((sheet) => sheet.href === href);
  if (known) return Promise.resolve();
  return new Promise((resolve) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href });
    // Without its style it is plain, and works.
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
}
