import { dispatch } from "../cli/dispatch.ts";

const { stdin, stdout, stderr, env, argv } = process;
// A reader that has left (`berth ps | head`) is no error.
stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await dispatch({ stdin, stdout, stderr, env }, argv.slice(2));
