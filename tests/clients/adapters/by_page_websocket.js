// A browser's own WebSocket, in a page: the application opens another one, from the last id.
globalThis.follow = (url, last, emit) => {
  const socket = new WebSocket(url.replace("http", "ws") + (last && `&last_event_id=${last}`));
  socket.onmessage = ({ data }) => {
    const body = JSON.parse(data);
    emit(body.id ?? body.cursor, data);
  };
  return new Promise((resolve, reject) => {
    socket.onclose = ({ code }) => (code === 1006 ? reject("cut") : resolve());
  });
};
