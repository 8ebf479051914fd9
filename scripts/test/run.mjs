// Runs groups of test files, two at a time, each by a node:test of its own, and counts.
import { spawn } from "node:child_process";
import { root } from "../lib.mjs";

/** Groups that run at the same time: each has namespaces of its own, and the machine has at least two cores. */
const parallel = 2;
/** A group that takes longer is ended, with all that it started, and has failed. */
const groupLimitMs = 240_000;
/** What a group that was ended may still take to close its output. */
const closeLimitMs = 5000;
/** A test that hangs is named, because it is ended before its group. */
const options = ["--test", `--test-timeout=${groupLimitMs - 20_000}`, "--test-concurrency=2", "--test-reporter=spec"];

/**
 * @typedef {object} Group
 * @property {string} name what a person calls it
 * @property {string[]} command a Node, and what leads to it
 * @property {string[]} files
 */

const running = new Set();

const end = (child) => {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It has ended, and another holds its output open.
    if (error.code !== "ESRCH") throw error;
  }
};

/** Ends every group that runs: they have process groups of their own, which a terminal's Ctrl-C does not reach. */
export const endGroups = () => running.forEach(end);

/**
 * Runs one group and gathers what it prints.
 * @param {Group} group
 * @returns {Promise<{ text: string, status: number | null, overdue: boolean }>}
 */
const runGroup = ({ command: [program, ...before], files }) =>
  new Promise((resolve) => {
    // A process group of its own: what hangs ends with it.
    const child = spawn(program, [...before, ...options, ...files], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const chunks = [];
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      end(child);
      setTimeout(settle, closeLimitMs, null).unref();
    }, groupLimitMs);
    const settle = (status) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ text: Buffer.concat(chunks).toString(), status, overdue });
    };
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.once("error", (error) => {
      running.delete(child);
      chunks.push(Buffer.from(`${error.message}\n`));
      settle(null);
    });
    child.once("close", settle);
  });

const counted = (text, word) => Number(new RegExp(`^ℹ ${word} (\\d+)$`, "m").exec(text)?.[1] ?? 0);

/** Counts what the reporter says; a group that ended badly without a failed test counts as one. */
const countOf = ({ text, status, overdue }) => {
  const passed = counted(text, "pass");
  const failed = counted(text, "fail") + counted(text, "cancelled");
  return { passed, failed: failed === 0 && (status !== 0 || overdue || passed === 0) ? 1 : failed };
};

const withoutPassed = (text) => text.replaceAll(/^\s*✔.*\n/gm, "");

/**
 * Runs every group; prints a line for each, and all it wrote for one that failed.
 * @param {Group[]} groups
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export const runTests = async (groups) => {
  const total = { passed: 0, failed: 0 };
  const failures = [];
  const waiting = [...groups];
  const worker = async () => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      const started = Date.now();
      const result = await runGroup(group);
      const { passed, failed } = countOf(result);
      total.passed += passed;
      total.failed += failed;
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      if (failed === 0) {
        console.log(`✔ ${group.name}: ${passed} passed, ${seconds} s`);
        continue;
      }
      const why = result.overdue ? `, ended after ${groupLimitMs / 1000} s` : "";
      const line = `✖ ${group.name}: ${passed} passed, ${failed} failed, ${seconds} s${why}`;
      failures.push(line);
      console.log(`${line}\n${withoutPassed(result.text).replaceAll(/^/gm, "    ")}`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  if (failures.length > 0) console.log(`\nfailed:\n${failures.join("\n")}\n`);
  return total;
};
