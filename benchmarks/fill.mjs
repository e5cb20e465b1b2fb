// Fills tables of Azurite while it starts. Over HTTP each row would take milliseconds, and more with every row that is
// there: Azurite looks through the whole table for it. The address of this module names a file with the rows.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const required = createRequire(process.argv[1]);
const Store = required("./table/persistence/LokiTableMetadataStore.js").default;
const ACCOUNT = "devstoreaccount1";
const PLACE = "{n}";
const sets = JSON.parse(readFileSync(new URL(import.meta.url).searchParams.get("rows"), "utf8"));
const init = Store.prototype.init;

Store.prototype.init = async function () {
  await init.call(this);
  for (const { table, first, count, row } of sets) {
    const name = `${ACCOUNT}$${table}`;
    if (!this.db.getCollection(name)) await this.createTable({}, { account: ACCOUNT, table });
    const rows = this.db.getCollection(name);
    for (let n = first; n < first + count; n++) {
      const made = JSON.parse(row.replaceAll(PLACE, String(n).padStart(8, "0")));
      rows.data.push({ ...made, meta: { revision: 0, created: 0, version: 0 }, $loki: ++rows.maxId });
    }
    // As after loading a file: both are made of the rows.
    rows.idIndex = null;
    for (const key of ["PartitionKey", "RowKey"]) rows.ensureIndex(key, true);
  }
};
