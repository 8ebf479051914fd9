import type { ServerResponse } from "node:http";

/**
 * Sends pieces as the body of an answer whose head was written. Each is handed to the kernel before the next is asked
 * for, so two buffers serve a client of any speed.
 *
 * @throws when the client has left, or a piece cannot be read; the connection is broken then.
 */
export const sendPieces = async (response: ServerResponse, pieces: AsyncIterable<Uint8Array>): Promise<void> => {
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined);
  const leave = (): void => gone.reject(new Error("the client has left"));
  response.once("close", leave);
  try {
    for await (const piece of pieces) {
      const written = new Promise<void>((resolve, reject) => {
        response.write(piece, (error) => (error ? reject(error) : resolve()));
      });
      await Promise.race([written, gone.promise]);
    }
    response.end();
  } catch (error) {
    response.destroy();
    throw error;
  } finally {
    response.off("close", leave);
  }
};
