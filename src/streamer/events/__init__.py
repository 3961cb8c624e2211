"""What an event, a topic, an id, a control and a snapshot are."""
