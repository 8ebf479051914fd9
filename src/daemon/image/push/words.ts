export const retryText = (delayMs: number): string => {
  const seconds = Math.max(1, Math.round(delayMs / 1000));
  return `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`;
};
