/**
 * A video editor of somebody else, written for a server of their own: one socket for all videos, a hook for each card.
 *
 * It knows nothing of Streamer; only the address in its query is another.
 */

import { createContext, createElement as h, StrictMode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

const API = new URLSearchParams(location.search).get("api");
const VideoSocket = createContext(null);

function VideoSocketProvider({ children }) {
  const socket = useRef(null);
  const handlers = useRef(new Map());
  const [isConnected, setIsConnected] = useState(false);

  const send = useCallback((frame) => {
    if (socket.current?.readyState === WebSocket.OPEN) socket.current.send(JSON.stringify(frame));
  }, []);

  useEffect(() => {
    let timer = 0;
    let isOver = false;
    const connect = () => {
      const mine = new WebSocket(`${API.replace(/^http/, "ws")}/api/v1/ws/videos`);
      socket.current = mine;
      mine.onopen = () => {
        setIsConnected(true);
        for (const videoId of handlers.current.keys()) send({ type: "subscribe", videoId });
      };
      mine.onmessage = (event) => {
        const message = JSON.parse(event.data);
        handlers.current.get(message.videoId)?.(message);
      };
      mine.onclose = () => {
        if (isOver) return;
        setIsConnected(false);
        timer = setTimeout(connect, 1000);
      };
    };
    connect();
    return () => {
      isOver = true;
      clearTimeout(timer);
      socket.current.close();
    };
  }, [send]);

  const watch = useCallback((videoId, handler) => {
    handlers.current.set(videoId, handler);
    send({ type: "subscribe", videoId });
    return () => handlers.current.delete(videoId);
  }, [send]);

  const value = useMemo(() => ({ isConnected, watch }), [isConnected, watch]);
  return h(VideoSocket.Provider, { value }, children);
}

function useVideo(videoId) {
  const { watch } = useContext(VideoSocket);
  const [video, setVideo] = useState({ percents: [], message: "", outputUrl: null, error: null });
  useEffect(() => watch(videoId, ({ type, data }) => {
    setVideo((before) => {
      switch (type) {
        case "progress": return { ...before, percents: [...before.percents, data.percent], message: data.message };
        case "complete": return { ...before, outputUrl: data.outputUrl };
        case "error": return { ...before, error: data.error };
        default: return before;
      }
    });
  }), [videoId, watch]);
  return video;
}

function VideoCard({ videoId, inputPath }) {
  const { percents, message, outputUrl, error } = useVideo(videoId);
  const [answer, setAnswer] = useState("");
  const trim = async () => {
    const response = await fetch(`${API}/api/edit/trim`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ videoId, inputPath, startTime: 0, endTime: 0.6 }),
    });
    const { success, message } = await response.json();
    setAnswer(`${success ? "accepted" : "refused"}: ${message}`);
  };
  return h("li", { id: `card-${videoId}`, "data-percents": percents.join(" ") },
    h("b", null, videoId), " ",
    h("progress", { max: 100, value: percents.at(-1) ?? 0 }), " ",
    h("span", { className: "message" }, message), " ",
    h("button", { onClick: trim }, "Trim"), " ",
    h("span", { className: "answer" }, answer), " ",
    outputUrl && h("a", { href: API + outputUrl }, "Open"),
    error && h("strong", { className: "error" }, error));
}

function Editor() {
  const { isConnected } = useContext(VideoSocket);
  const [videos, setVideos] = useState(() => (new URLSearchParams(location.search).get("videos") ?? "").split(",").filter(Boolean)
    .map((videoId) => ({ videoId, inputPath: "sample" })));
  const [failure, setFailure] = useState("");
  const upload = async ({ target }) => {
    const form = new FormData();
    form.append("video", target.files[0]);
    const response = await fetch(`${API}/api/upload`, { method: "POST", body: form });
    const { videoId, message } = await response.json();
    if (videoId) setVideos((before) => [...before, { videoId, inputPath: `/uploads/${videoId}.mp4` }]);
    else setFailure(message);
  };
  return h("section", null,
    h("p", { id: "state" }, isConnected ? "connected" : "not connected"),
    h("input", { type: "file", id: "file", onChange: upload, "aria-label": "A video" }),
    h("p", { id: "failure" }, failure),
    h("ul", { id: "videos" }, videos.map((video) => h(VideoCard, { key: video.videoId, ...video }))));
}

createRoot(document.getElementById("root")).render(h(StrictMode, null, h(VideoSocketProvider, null, h(Editor))));
