// Loads the content of a page anew every so often, without taking text, focus or selection from whoever uses it.
const { src, dataset } = document.currentScript;

function inUse() {
  return !document.activeElement.matches("body, a") || !getSelection().isCollapsed;
}

function show(page) {
  const main = page.querySelector("main");
  if (!main) throw new Error("not a page");
  if (page.querySelector("script")?.src !== src) return location.reload();
  const link = document.activeElement.closest("main a")?.getAttribute("href");
  const form = document.querySelector("main form");
  document.querySelector("main").replaceWith(main);
  main.querySelector("form")?.replaceWith(form);
  if (link) main.querySelector(`a[href="${CSS.escape(link)}"]`)?.focus({ preventScroll: true });
}

async function refresh() {
  try {
    const text = inUse() ? "" : await (await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) })).text();
    document.body.dataset.refresh = text && !inUse() ? "done" : "waits";
    if (document.body.dataset.refresh === "done") show(new DOMParser().parseFromString(text, "text/html"));
  } catch {
    document.body.dataset.refresh = "failed";
  }
  setTimeout(refresh, dataset.seconds * 1000);
}
setTimeout(refresh, dataset.seconds * 1000);
