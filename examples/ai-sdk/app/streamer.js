/** Where Streamer is; in Next.js `process.env.NEXT_PUBLIC_STREAMER_URL`. No proxy between that would keep a cut to itself. */
export const STREAMER = import.meta.env.VITE_STREAMER_URL ?? "http://localhost:8000";
