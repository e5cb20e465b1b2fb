// Lets Azurite find rows by their keys, as Azure Table Storage does. Azurite itself has no index over both keys: it looks
// through all rows of a partition for each row, and through all rows of a table for each range, which takes most of its
// time with thousands of rows.
// What it answers stays the same: its own filters are still applied to each row that the keys leave.
import { createRequire } from "node:module";

const required = createRequire(process.argv[1]);
const Store = required("./table/persistence/LokiTableMetadataStore.js").default;
const parsed = required("./table/persistence/QueryInterpreter/QueryParser.js").default;

/** The rows of a table: by both keys, and the row keys of each partition in their order. */
class Keyed {
  constructor(collection) {
    this.partitions = new Map();
    for (const row of collection.data) this.partition(row.PartitionKey).rows.set(row.RowKey, row);
    for (const each of this.partitions.values()) each.keys = [...each.rows.keys()].sort(inOrder);
    collection.on("insert", (row) => this.put(row));
    collection.on("update", (row) => this.put(row));
    collection.on("delete", (row) => this.drop(row));
  }

  partition(key) {
    if (!this.partitions.has(key)) this.partitions.set(key, { rows: new Map(), keys: [] });
    return this.partitions.get(key);
  }

  row({ PartitionKey, RowKey }) {
    return this.partitions.get(PartitionKey)?.rows.get(RowKey) ?? null;
  }

  put(row) {
    const { rows, keys } = this.partition(row.PartitionKey);
    if (!rows.has(row.RowKey)) keys.splice(firstNotBefore(keys, row.RowKey), 0, row.RowKey);
    rows.set(row.RowKey, row);
  }

  drop(row) {
    const { rows, keys } = this.partition(row.PartitionKey);
    if (rows.delete(row.RowKey)) keys.splice(firstNotBefore(keys, row.RowKey), 1);
  }

  /** The rows of a partition from `start` to before `end`, in the order of their keys. */
  *between(partitionKey, start, end) {
    const { rows, keys } = this.partitions.get(partitionKey) ?? { rows: new Map(), keys: [] };
    for (let at = firstNotBefore(keys, start); at < keys.length && (end === undefined || keys[at] < end); at++)
      yield rows.get(keys[at]);
  }
}

/** Does what Azurite asks of a chain over a collection, with rows that are in order already. */
class Chain {
  constructor(rows) {
    this.rows = rows;
    this.tests = [];
    this.most = Infinity;
  }

  where(test) {
    this.tests.push(test);
    return this;
  }

  sort() {
    return this;
  }

  limit(most) {
    this.most = most;
    return this;
  }

  data() {
    const found = [];
    for (const row of this.rows) {
      if (found.length >= this.most) break;
      if (this.tests.every((test) => test(row))) found.push(row);
    }
    return found;
  }
}

const inOrder = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

function firstNotBefore(keys, key) {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The tree of a filter; an empty one of a filter that cannot be read, which Azurite refuses itself. */
function filterTree(filter) {
  try {
    return filter ? parsed(filter) : {};
  } catch {
    return {};
  }
}

/** The comparisons of a key with a text that a row must meet, each as [operator, text]. */
function* conditions(key, node) {
  if (node.name === "and") {
    yield* conditions(key, node.left);
    yield* conditions(key, node.right);
  } else if (node.left?.identifier === key && node.right?.name === "constant") yield [node.name, node.right.value];
}

const keyed = new WeakMap();
const { getEntityCollection, queryTableEntities } = Store.prototype;

Store.prototype.getEntityCollection = function (...where) {
  const collection = getEntityCollection.apply(this, where);
  if (!keyed.has(collection)) {
    const index = new Keyed(collection);
    keyed.set(collection, index);
    collection.findOne = (keys) => index.row(keys);
    // Its own indexes are not asked any more, and each removal goes through all of them.
    collection.binaryIndices = {};
  }
  return collection;
};

Store.prototype.queryTableEntities = function (context, account, table, options, nextPartition, nextRow) {
  const tree = filterTree(options.filter);
  const partition = [...conditions("PartitionKey", tree)].find(([operator]) => operator === "eq")?.[1];
  if (partition === undefined)
    return queryTableEntities.call(this, context, account, table, options, nextPartition, nextRow);
  // A page that begins in this partition begins with its row; Azurite's own filter knows all others.
  const begins = this.decodeContinuationHeader(nextPartition) === partition;
  let [start, end] = [(begins && this.decodeContinuationHeader(nextRow)) || "", undefined];
  for (const [operator, text] of conditions("RowKey", tree)) {
    if (["eq", "ge", "gt"].includes(operator) && text > start) start = text;
    if (["lt", "le"].includes(operator) && (end === undefined || `${text}\0` < end)) end = operator === "lt" ? text : `${text}\0`;
    if (operator === "eq") end = `${text}\0`;
  }
  const rows = keyed.get(this.getEntityCollection(account, table, context)).between(partition, start, end);
  const narrowed = Object.create(this, {
    getEntityCollection: { value: () => ({ chain: () => new Chain(rows) }) },
  });
  return queryTableEntities.call(narrowed, context, account, table, options, nextPartition, nextRow);
};
