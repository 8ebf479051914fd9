import bcrypt from "bcryptjs";
import { parentPort } from "node:worker_threads";

// The program of the thread that compares passwords: one comparison takes 50 ms and more of a processor.

export interface PasswordQuestion {
  id: number;
  password: string;
  hash: string;
}

export interface PasswordAnswer {
  id: number;
  right: boolean;
}

const compare = (password: string, hash: string): boolean => {
  try {
    return bcrypt.compareSync(password, hash);
  } catch {
    return false;
  }
};

parentPort?.on("message", ({ id, password, hash }: PasswordQuestion) => {
  const answer: PasswordAnswer = { id, right: compare(password, hash) };
  parentPort?.postMessage(answer);
});
