// For each line {tables: {name: {column: type}}, queries: {name: text}} it writes a line: by query, what Microsoft's Kusto parser
// says of it, its syntax tree and its errors. A node is [kind, ...parts], a token is its text.
"use strict";
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { GlobalState, KustoCode, Symbols, Syntax } = Kusto.Language;
const kinds = Object.fromEntries(
  Object.entries(Syntax.SyntaxKind).filter(([, value]) => typeof value === "number").map(([name, value]) => [value, name]),
);

function table([name, columns]) {
  const listed = Object.entries(columns).map(([column, type]) => `${column}:${type}`);
  return new Symbols.TableSymbol.$ctor7(name, `(${listed.join(",")})`, "");
}

function tree(node) {
  if (node.IsToken) return node.Text;
  const parts = [];
  for (let at = 0; at < node.ChildCount; at++) {
    const child = node.GetChild(at);
    if (child !== null && child !== undefined && (!child.IsToken || child.Text !== "")) parts.push(tree(child));
  }
  return [kinds[node.Kind], ...parts];
}

function errors(code) {
  const found = code.GetDiagnostics();
  return Array.from({ length: found.Count }, (_, at) => found.getItem(at))
    .filter((each) => each.Severity === "Error")
    .map((each) => {
      const line = code.Text.slice(0, each.Start).split("\n").length;
      return `line ${line} (${code.Text.split("\n")[line - 1].trim()}): ${each.Message}`;
    });
}

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { tables, queries } = JSON.parse(line);
    const database = new Symbols.DatabaseSymbol.ctor("workspace", Object.entries(tables).map(table));
    const globals = GlobalState.Default.WithDatabase(database);
    const parsed = Object.entries(queries).map(([name, text]) => {
      const code = KustoCode.ParseAndAnalyze(text, globals);
      return [name, { errors: errors(code), tree: tree(code.Syntax) }];
    });
    process.stdout.write(`${JSON.stringify(Object.fromEntries(parsed))}\n`);
  });
