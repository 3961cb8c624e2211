"""Publisher, sync_publisher, outbox, job_publishing."""
