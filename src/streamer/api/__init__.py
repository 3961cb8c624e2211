"""The hub's faces: SSE, WebSocket, poll, publish, jobs, pages."""
