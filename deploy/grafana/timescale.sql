-- After schema.sql, where the extension TimescaleDB is installed: chunks of a week, a status for a quarter of a year.
-- psql -v ON_ERROR_STOP=1 -f timescale.sql DATABASE; once.
CREATE EXTENSION IF NOT EXISTS timescaledb;
BEGIN;
-- Every key of a hypertable holds its time. A window's own time comes with it, so that a repeated one still collides.
ALTER TABLE fer.windows DROP CONSTRAINT windows_pkey, ADD PRIMARY KEY (device, id, time);
SELECT create_hypertable('fer.windows', 'time', chunk_time_interval => INTERVAL '7 days', migrate_data => true);
SELECT create_hypertable('fer.status', 'time', chunk_time_interval => INTERVAL '7 days', migrate_data => true);
SELECT add_retention_policy('fer.status', INTERVAL '90 days');
COMMIT;
