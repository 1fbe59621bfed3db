"""The outbox: jobs and schedules, which happen if and only if the transaction that asked for them commits."""
