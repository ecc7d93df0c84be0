"""The office in production: whether it is alive and ready, its figures for a monitor, its log without personal data, backups."""
