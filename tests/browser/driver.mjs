// A headless browser that a test drives: one JSON document a line on standard input, one answer a line on standard output.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({
  // The package's own arguments are for a place that allows one process only.
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"],
  executablePath: process.env.CHROMIUM || (await chromium.executablePath()),
  headless: "shell",
  env: { ...process.env, LANG: "en_US.UTF-8", TZ: "UTC" },
});
const page = await browser.newPage();
const said = [];
page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => said.push(`error: ${error.message}`));
page.on("dialog", (dialog) => { said.push(`dialog: ${dialog.message()}`); return dialog.dismiss(); });

// Only loopback is asked for anything.
await page.setRequestInterception(true);
page.on("request", (request) => {
  if (new URL(request.url()).hostname === "127.0.0.1") return request.continue();
  said.push(`elsewhere: ${request.url()}`);
  return request.abort();
});

const named = (role, name) => page.locator(`::-p-aria([name="${name}"][role="${role}"])`).setTimeout(15000);
async function followed(act) {
  await Promise.all([page.waitForNavigation({ timeout: 15000 }), act()]);
}

const acts = {
  open: async ({ url, language }) => {
    if (language) await page.setExtraHTTPHeaders({ "Accept-Language": language });
    await page.goto(url, { timeout: 15000 });
  },
  size: ({ width, height }) => page.setViewport({ width, height }),
  scheme: ({ dark }) => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]),
  follow: ({ name }) => followed(() => named("link", name).click()),
  press: ({ name }) => followed(() => named("button", name).click()),
  tick: ({ name }) => named("checkbox", name).click(),
  fill: ({ name, value }) => named("textbox", name).fill(value),
  keys: async ({ keys }) => { for (const key of keys) await page.keyboard.press(key); },
  enter: () => followed(() => page.keyboard.press("Enter")),
  settled: ({ text }) => page.waitForFunction((wanted) => document.body.innerText.includes(wanted), { timeout: 15000 }, text),
  focused: () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? ""),
  text: () => page.evaluate(() => document.body.innerText),
  title: () => page.title(),
  location: () => page.url(),
  scripts: () => page.evaluate(() => [...document.scripts].map((script) => script.src || "inline")),
  overflow: () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  picture: ({ file }) => page.screenshot({ path: file, fullPage: true }),
  said: () => said.splice(0),
  audit: async () => {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run());
    return found.violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map((node) => node.html) }));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { act, ...given } = JSON.parse(line);
  let answer;
  try {
    answer = { answer: (await acts[act](given)) ?? null };
  } catch (error) {
    answer = { error: `${act} ${JSON.stringify(given)}: ${error.message}` };
  }
  if (answer.answer && typeof answer.answer === "object" && answer.answer.constructor === Uint8Array) answer = { answer: null };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
