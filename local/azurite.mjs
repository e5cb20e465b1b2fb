// Runs in Azurite's process before Azurite itself.
import module from "node:module";

// Azurite reads nothing from its standard input. It ends when the pipe closes, which the system does however the parent
// dies, also by SIGKILL.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume().unref();

// Azurite loads its telemetry, which is off, and its store in an SQL database, which nobody asks for: that takes half of
// its start. Here they are loaded when they are used first.
const NOT_USED = ["applicationinsights", "./SqlBlobServer"];
const load = module._load;

module._load = function (name, ...where) {
  if (!NOT_USED.includes(name)) return load.call(this, name, ...where);
  const loaded = () => load.call(this, name, ...where);
  // What asks whether it is a module of the new kind does not use it yet.
  return new Proxy({}, { get: (_, key) => (key === "__esModule" ? name.startsWith("./") : loaded()[key]) });
};
