// Log lines for the people who operate the connector: 64 lines and 16 KiB for each decision.

let write = () => {};

/** Sets the destination of lines. Without one, as in Node, lines are dropped. */
export function logTo(sink) {
  write = sink;
}

export const log = {
  debug: (...values) => write("debug", line(values)),
  info: (...values) => write("info", line(values)),
  warn: (...values) => write("warn", line(values)),
  error: (...values) => write("error", line(values)),
};

function line(values) {
  return values.map((value) => (typeof value === "string" ? value : inspected(value))).join(" ");
}

function inspected(value) {
  return value instanceof Error ? `${value}` : JSON.stringify(value) ?? `${value}`;
}
