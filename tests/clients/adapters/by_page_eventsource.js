// A browser's own EventSource, in a page. It can be closed for good (Firefox does so when nobody
// is there at the moment it comes back): the application makes another one, from the last id.
globalThis.follow = (url, last, emit) => {
  const source = new EventSource(url + (last && `&last_event_id=${last}`));
  source.onmessage = ({ lastEventId, data }) => emit(lastEventId, data);
  return new Promise((_, reject) => {
    source.onerror = () => source.readyState === EventSource.CLOSED && reject("it is closed");
  });
};
