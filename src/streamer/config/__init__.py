"""Settings, and the urls and names they hold."""
